/** Owns how the address provider is wired, where there is one. */
import { grpcProvider } from '../cloud/grpc.ts'
import { measuredProvider } from '../cloud/measured.ts'
import { perAddress } from '../cloud/per-address.ts'
import { type PlacesParts, placesOf } from '../cloud/places.ts'
import type { Cluster } from '../kube/cluster.ts'
import type { Events } from '../kube/events.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Measured } from './measure.ts'
import type { ServeOptions } from './options.ts'

interface CloudParts extends Pick<PlacesParts, 'clock' | 'log' | 'random'> {
  readonly ledger: Ledger
  readonly cluster: Cluster
  readonly events: Events
  readonly metrics: Pick<Measured, 'cloudCall'>
}

/** Null: no provider is configured. */
export function cloudOf({ file, cloudTimeoutMs: timeoutMs }: ServeOptions, parts: CloudParts) {
  const { ledger, cluster, events, metrics, clock, log, random } = parts
  const { cloudProvider: target } = file
  if (target === null) return null
  const provider = perAddress(measuredProvider(grpcProvider({ target, timeoutMs }), metrics.cloudCall))
  const places = placesOf({
    ...{ provider, store: ledger, clock, log, random },
    nodeExists: name => (cluster.nodes.isSynced ? cluster.nodes.get(name) !== undefined : null),
    onNodeGone({ address, node, failures }) {
      const text = `node ${node} is gone and the cloud refused ${failures} times to take ${address.text} from it: taken as done`
      const regarding = { apiVersion: 'v1', kind: 'Node', namespace: 'default', name: node }
      events.warn(regarding, 'AddressNotUnassigned', text)
    },
  })
  ledger.onCommit(places.committed)
  return {
    places,
    stop() {
      places.stop()
      provider.close()
    },
  }
}
