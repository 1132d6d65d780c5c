/** Owns the way to ready: which cluster it is, definitions, configuration, objects, the cluster's lists, reconciliation; each retried until it succeeds. */
import type { ConfigurationInForce } from '../app/configuration.ts'
import type { Gate } from '../app/gate.ts'
import type { Holds } from '../app/holds.ts'
import { podBound } from '../app/pod-ends.ts'
import type { Ports } from '../app/ports.ts'
import { type Reconciled, reconcile } from '../app/reconcile.ts'
import type { Rests } from '../app/rests.ts'
import type { Waking } from '../app/waking.ts'
import { installCrds } from '../kube/install-crds.ts'
import type { ObjectStore } from '../kube/object-store.ts'
import type { PodFact } from '../kube/pod.ts'
import type { Transport } from '../kube/transport.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { ServeOptions } from './options.ts'

/** Serving within seconds of the repair. */
const RETRY_MS = 1_000
const LOOK_MS = 20

export interface ReadyParts {
  readonly options: ServeOptions
  readonly ports: Ports
  readonly transport: Transport
  readonly objects: ObjectStore
  readonly configuration: ConfigurationInForce
  readonly gate: Gate
  readonly waking: Pick<Waking, 'wakeAll'>
  readonly holds: Pick<Holds, 'renew'>
  readonly rests: Pick<Rests, 'start'>
  /** Makes sure that the ledger is of this cluster. */
  readonly settle: () => Promise<void>
  /** Begins to follow the configuration. */
  readonly configure: () => void
  /** Begins to follow the cluster. */
  readonly follow: () => void
  /** All is known, and nothing was answered yet. */
  readonly takeOver: () => void
  readonly signal: AbortSignal
}

/** What the first comparison found; null: stopped before. */
export async function becomeReady(parts: ReadyParts): Promise<Reconciled | null> {
  const { options, ports, transport, objects, gate, waking, holds, rests, signal } = parts
  const { settle, configure, follow, takeOver } = parts
  const { ledger, cluster, replicator, clock, log } = ports
  const began = performance.now()

  await step(parts, 'which cluster this is', settle)
  if (signal.aborted) return null
  configure()
  await waitForConfiguration(parts)
  if (options.replicate && options.installCrds) {
    await step(parts, 'the custom resource definitions', () => installCrds(transport, log))
  }
  // Only now: without the configuration every address looks orphaned, and its pod's end would free what the policy keeps.
  follow()
  const found = options.replicate ? await step(parts, 'the FloatingIP objects', () => objects.list()) : null
  gate.waitFor('the cluster’s pods, nodes and workloads')
  while (!signal.aborted && cluster.waitingFor().length > 0) {
    gate.waitFor(`the lists of ${cluster.waitingFor().join(', ')}`)
    await clock.sleep(LOOK_MS, signal)
  }
  let compared: ReadonlySet<PodFact> = new Set()
  const reconciled = await step(parts, 'the reconciliation of ledger, objects and pods', () => {
    const pods = [...cluster.pods.values()]
    compared = new Set(pods)
    return reconcile(ports, found, pods)
  })
  if (reconciled === null || signal.aborted) return null

  replicator.start()
  ports.places?.start()
  rests.start()
  takeOver()
  // Bound meanwhile, by whomever: before the gate is open nobody listens.
  for (const pod of cluster.pods.values()) if (pod.node !== null && !compared.has(pod)) podBound(ports, pod)
  gate.opened()
  log.info(
    {
      rows: ledger.read(view => view.size),
      ...reconciled,
      ms: Math.round(performance.now() - began),
    },
    'ready',
  )
  const unbound = [...cluster.pods.values()].filter(pod => pod.node === null && !pod.finished)
  // What the process before us held, or claimed and never bound, expires like any other.
  for (const { uid } of unbound) if (ledger.read(view => view.ofIncarnation(uid)).length > 0) holds.renew(uid)
  void waking.wakeAll(unbound.filter(pod => !pod.deleting))
  return reconciled
}

/** A valid configuration, however long it takes to be written. */
async function waitForConfiguration({ configuration, gate, ports, signal }: ReadyParts): Promise<void> {
  while (!signal.aborted && configuration.status.since === null) {
    const because = configuration.status.rejected?.because
    gate.waitFor(because === undefined ? 'the configuration' : `the configuration: ${because}`)
    await ports.clock.sleep(LOOK_MS, signal)
  }
}

/** Repeats the step until it succeeds; the gate and one log line per reason say why not. Null: we are stopping. */
async function step<T>({ gate, ports, signal }: ReadyParts, what: string, work: () => Promise<T>): Promise<T | null> {
  let said = ''
  while (!signal.aborted) {
    gate.waitFor(said === '' ? what : `${what}: ${said}`)
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const why = messageOf(error)
      if (why !== said) ports.log.warn({ waitingFor: what }, `not ready: ${why}`)
      said = why
      gate.waitFor(`${what}: ${why}`)
      await ports.clock.sleep(RETRY_MS, signal)
    }
  }
  return null
}
