/** Owns what follows a pod's end: evidence first, then unbind by policy. */
import type { Workload } from '../domain/demand.ts'
import { DEPLOYMENT, type Owner, ownerKey } from '../domain/owner.ts'
import { IMMUTABLE, RELEASE_AT_POD_END } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { PodEnd } from '../kube/cluster.ts'
import type { PodFact } from '../kube/pod.ts'
import { notABug } from '../lib/assert.ts'
import { messageOf } from '../lib/fault.ts'
import { adopt } from '../rules/adopt.ts'
import { followed } from '../rules/follow.ts'
import { giveBackBeside, textsOf } from './beside.ts'
import { forgetClaimants, reportClaimant } from './claims.ts'
import { workloadAtEnd } from './demand.ts'
import { leaveNodes } from './leaving.ts'
import type { Ports } from './ports.ts'
import { carriedBy } from './sighting.ts'
import { workloadChanged } from './workloads.ts'

type Parts = Pick<Ports, 'ledger' | 'cluster' | 'calls' | 'places' | 'claimants' | 'restMs' | 'clock' | 'log'>

const RETRY_MS = 1_000

/**
 * This incarnation is no more, by evidence: its addresses are freed or kept. `last`: the pod as it was seen last; null: nobody saw it run.
 * Resolves when that is on disk.
 */
export async function endIncarnation(ports: Parts, uid: string, because: string, last: PodFact | null): Promise<void> {
  const rows = ports.ledger.read(view => view.ofIncarnation(uid))
  const [row] = rows
  if (row === undefined) return
  await leaveNodes(ports, uid)
  const workload = await workloadAtEnd(ports, row.owner, row.policy, row.apiVersion)
  const awaited = isAwaited(ports, uid, row.owner)
  const rests = mayRunOn(ports, uid, last)
  await ports.ledger.submit('unbind', { at: ports.clock.now(), incarnation: uid, workload, rests, awaited, because })
  forgetClaimants(ports, ports.cluster.pods)
  await afterRollout(ports, row.owner, row.apiVersion, workload)
}

/** R12: a container of this incarnation may go on after it, as `last`, the pod as it was seen last, shows. */
export function mayRunOn({ restMs }: Pick<Ports, 'restMs'>, uid: string | null, last: PodFact | null): boolean {
  return restMs > 0 && last?.uid === uid && last.running
}

/** Another pod of that name is there already, and has not finished. */
function isAwaited({ cluster }: Parts, uid: string, { namespace, pod: name }: Owner): boolean {
  const successor = cluster.pods.get(`${namespace}/${name}`)
  return successor !== undefined && successor.uid !== uid && !successor.finished
}

/** An old pod may end after the Deployment has told that its rollout is over: nobody would tell again. */
async function afterRollout(ports: Parts, owner: Owner, apiVersion: string, workload: Workload): Promise<void> {
  if (owner.kind !== DEPLOYMENT) return
  const kept = { ...owner, pod: '' }
  const rollout = workload.state === 'present' ? workload.rollout : undefined
  const keepsNone = rollout?.policy === RELEASE_AT_POD_END || (rollout !== undefined && rollout.pool !== owner.pool)
  const lent = ports.ledger.read(view => followed(view, kept).some(row => row.surge))
  if (keepsNone || lent) await workloadChanged(ports, kept, apiVersion)
}

/** Acts on a pod's end until it is done; an end that is only suspected is looked into first (R7). */
export async function podEnded(ports: Parts, { pod, certain, because }: PodEnd, signal: AbortSignal): Promise<void> {
  let said = ''
  while (!signal.aborted) {
    try {
      if (ports.ledger.read(view => view.ofIncarnation(pod.uid)).length === 0) return await stoodInTheWay(ports, pod)
      let last = pod
      if (!certain) {
        const now = await ports.calls.getPod(pod.namespace, pod.name)
        if (now?.uid === pod.uid) {
          if (!now.finished) return
          last = now
        }
      }
      return await endIncarnation(ports, pod.uid, because, last)
    } catch (error) {
      notABug(error)
      // A provider that is away for an hour is not told of each second, for each pod that ended.
      const why = messageOf(error)
      if (why !== said) {
        const about = { pod: `${pod.namespace}/${pod.name}`, err: error }
        ports.log.warn(about, 'the end of a pod is not booked yet, will retry')
      }
      said = why
      await ports.clock.sleep(RETRY_MS, signal)
    }
  }
}

/** What is kept under the pod's name could not follow its workload while this pod was there, which never had it (R11). */
async function stoodInTheWay(ports: Parts, { owner, apiVersion }: PodFact): Promise<void> {
  const kept = ports.ledger.read(view => view.ofKey(ownerKey(owner)))
  if (!kept.some(row => row.phase === 'reserved' && row.policy === IMMUTABLE)) return
  await workloadChanged(ports, { ...owner, pod: '' }, apiVersion)
}

/** A pod is bound: what it carries and the ledger does not have is recorded, whoever bound it (R6); what another pod has is reported. */
export function podBound(ports: Parts & Pick<Ports, 'onConflict'>, pod: PodFact): void {
  const { ledger, clock, log } = ports
  const key = `${pod.namespace}/${pod.name}`
  for (const sighting of carriedBy(ledger, pod, clock.now())) {
    const decision = ledger.read(view => adopt(view, sighting))
    if (isRefusal(decision)) reportClaimant(ports, sighting, decision.because)
    else if (decision.changes.length > 0) {
      ledger.submit('adopt', sighting).catch(error => {
        notABug(error)
        log.warn({ pod: key, err: error }, 'its addresses are not recorded yet: resync does it')
      })
    }
  }
  giveBackBeside(ports, pod.uid, textsOf(pod.addresses), false).catch(error => {
    notABug(error)
    log.warn({ pod: key, err: error }, 'what was held for it goes back when it ends')
  })
}
