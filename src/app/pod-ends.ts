/** Owns what follows a pod's end: evidence first, then unbind by policy; and what a workload keeps when it shrinks or goes. */
import type { AdoptCommand } from '../domain/command.ts'
import type { Owner } from '../domain/owner.ts'
import { workloadKey } from '../domain/owner.ts'
import { IMMUTABLE } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import type { PodEnd } from '../kube/cluster.ts'
import type { PodFact } from '../kube/pod.ts'
import { adopt } from '../rules/adopt.ts'
import { forgetClaimants, reportClaimant } from './claims.ts'
import { workloadAtEnd } from './demand.ts'
import { leaveNodes } from './leaving.ts'
import type { Ports } from './ports.ts'
import { carriedBy, podSightings } from './sighting.ts'

export type Parts = Pick<Ports, 'ledger' | 'cluster' | 'calls' | 'places' | 'claimants' | 'clock' | 'log'>

const RETRY_MS = 1_000

/** This incarnation is no more, by evidence: its addresses are freed or kept. Resolves when that is on disk. */
export async function endIncarnation(ports: Parts, uid: string, because: string): Promise<void> {
  const rows = ports.ledger.read(view => view.ofIncarnation(uid))
  const [row] = rows
  if (row === undefined) return
  await leaveNodes(ports, uid)
  const workload = await workloadAtEnd(ports, row.owner, row.policy, row.apiVersion)
  const unbound = ports.ledger.submit('unbind', { at: ports.clock.now(), incarnation: uid, workload, because })
  // In the same turn: an address that a second pod carries goes to no third party (R6).
  const heirs = rows.flatMap(({ address }) => heirOf(ports, address))
  const inherited = heirs
    .filter(({ incarnation }) => incarnation !== uid)
    .map(heir => ports.ledger.submit('adopt', heir))
  const outcome = await unbound
  await Promise.all(inherited)
  forgetClaimants(ports, ports.cluster.pods)
  if ('changes' in outcome) {
    for (const { address, after, because: why } of outcome.changes) {
      ports.log.info({ ip: address.text, pod: `${row.owner.namespace}/${row.owner.pod}`, kept: after !== null }, why)
    }
  }
}

/** Acts on a pod's end until it is done; an end that is only suspected is looked into first (R7). */
export async function podEnded(ports: Parts, { pod, certain, because }: PodEnd, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      if (ports.ledger.read(view => view.ofIncarnation(pod.uid)).length === 0) return
      if (!certain) {
        const now = await ports.calls.getPod(pod.namespace, pod.name)
        if (now !== null && now.uid === pod.uid && !now.finished) return
      }
      return await endIncarnation(ports, pod.uid, because)
    } catch (error) {
      ports.log.warn(
        { pod: `${pod.namespace}/${pod.name}`, err: error },
        'the end of a pod is not booked yet, will retry',
      )
      await ports.clock.sleep(RETRY_MS, signal)
    }
  }
}

/** Brings what the workload (an owner without a pod) keeps in line with its size; doubt keeps. */
export async function workloadChanged(ports: Parts, owner: Owner, apiVersion: string): Promise<void> {
  if (!keepsSome(ports, owner)) return
  try {
    const workload = await ports.calls.getWorkload(owner, apiVersion)
    const unfinished = new Set(
      [...ports.cluster.pods.values()]
        .filter(pod => !pod.finished && sameWorkload(pod.owner, owner))
        .map(pod => pod.name),
    )
    const at = ports.clock.now()
    await ports.ledger.submit('follow', { at, workloadOwner: owner, apiVersion, workload, unfinished })
  } catch (error) {
    const name = `${owner.namespace}/${owner.workload}`
    ports.log.warn({ workload: name, err: error }, 'the workload could not be read: its addresses stay')
  }
}

function keepsSome(ports: Parts, owner: Owner): boolean {
  const rows = ports.ledger.read(view => view.ofWorkload(workloadKey(owner)))
  return rows.some(row => row.phase === 'reserved' && row.policy === IMMUTABLE)
}

function sameWorkload(a: Owner, b: Owner): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.workload === b.workload
}

/** A pod is bound: what it carries and the ledger does not have is recorded, whoever bound it (R6); what another pod has is reported. */
export function podBound(ports: Parts & Pick<Ports, 'events'>, pod: PodFact): void {
  const { ledger, clock, log } = ports
  const key = `${pod.namespace}/${pod.name}`
  for (const sighting of carriedBy(ledger, pod, clock.now())) {
    const decision = ledger.read(view => adopt(view, sighting))
    if (isRefusal(decision)) reportClaimant(ports, sighting, decision.because)
    else if (decision.changes.length > 0) {
      ledger.submit('adopt', sighting).catch(error => {
        log.warn({ pod: key, err: error }, 'its addresses are not recorded yet: resync does it')
      })
    }
  }
}

/** The other pod that carries this address, if it still does: its claim outlives the one that had it. */
function heirOf({ cluster, claimants, clock }: Parts, address: Address): readonly AdoptCommand[] {
  const pod = cluster.pods.get(claimants.get(address.text) ?? '')
  if (pod === undefined) return []
  return podSightings(pod, clock.now(), new Set([pod.uid])).filter(sighting => sighting.address.text === address.text)
}
