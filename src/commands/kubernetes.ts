/** Owns how the API server is reached: by which transports, what is followed and what is called there, and who leads. */
import { hostname } from 'node:os'
import { leadershipOn } from '../app/leadership.ts'
import { aloneLeading } from '../app/leadership-alone.ts'
import { callsOn } from '../kube/calls.ts'
import { clusterOn } from '../kube/cluster.ts'
import { customWorkloadsOn } from '../kube/custom-workload.ts'
import { eventsOn, NO_EVENTS } from '../kube/events.ts'
import { connect } from '../kube/kubeconfig.ts'
import { leaseStoreOn } from '../kube/lease.ts'
import { objectStoreOn } from '../kube/object-store.ts'
import { transport as transportOn } from '../kube/transport.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Measured } from './measure.ts'
import type { ServeOptions } from './options.ts'
import { VERSION } from './version.ts'

export interface KubernetesParts {
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  /** What a callback of ours threw. */
  readonly onBug: (bug: unknown) => void
  readonly metrics: Pick<Measured, 'apiCall' | 'eventDropped'>
}

/** Throws a Fault when the kubeconfig cannot be used. */
export function kubernetesOn(options: ServeOptions, { clock, random, log, onBug, metrics }: KubernetesParts) {
  const connection = connect(options)
  const asking = { userAgent: `floatip/${VERSION}`, onCall: metrics.apiCall }
  const transport = transportOn(connection, asking)
  const events = options.events ? eventsOn(transport, { clock, log, onDropped: metrics.eventDropped }) : NO_EVENTS
  const following = { transport, log, clock, random, onFailure: onBug }
  const custom = customWorkloadsOn({ ...following, monotonicMs: () => performance.now() })
  const calls = callsOn(transport, custom)
  const cluster = clusterOn({ ...following, custom, optionalPools: !options.replicate })
  const objects = objectStoreOn(transport)
  const leadership =
    options.election === null
      ? aloneLeading()
      : leadershipOn({
          // A transport of its own: a renewal must not queue behind the binds that it permits.
          store: leaseStoreOn(transportOn(connection, asking)),
          clock,
          monotonicMs: () => performance.now(),
          random,
          log,
          identity: `${hostname()}_${crypto.randomUUID()}`,
          timing: options.election,
        })
  return { transport, following, events, custom, calls, cluster, objects, leadership }
}
