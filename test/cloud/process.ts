/** Owns one life of floatip's cloud side: client, order, places, and the flows of bind and pod's end around them. */
import { grpcProvider } from '../../src/cloud/grpc.ts'
import { perAddress } from '../../src/cloud/per-address.ts'
import { type NodeGone, type Places, placesOf } from '../../src/cloud/places.ts'
import { CloudFault } from '../../src/cloud/provider.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Rows } from './leftovers.ts'
import { ip } from './provider-server.ts'

export interface Process {
  readonly places: Places
  readonly gone: readonly NodeGone[]
  /** The bind use case as far as the cloud is in it: claim, assign, confirm. True: the Binding was posted. */
  bind(address: string, uid: string, node: string): Promise<boolean>
  /** The pod's end: leave first, the change after; false: it stays for the next try. */
  end(address: string, uid: string): Promise<boolean>
  stop(): void
}

export interface ProcessParts {
  readonly target: string
  readonly rows: Rows
  readonly nodeExists?: (name: string) => boolean | null
  readonly timeoutMs?: number
  /** How much faster than in life pauses pass. */
  readonly haste?: number
}

export function processOn({
  target,
  rows,
  nodeExists = () => true,
  timeoutMs = 3_000,
  haste = 1_000,
}: ProcessParts): Process {
  const gone: NodeGone[] = []
  const provider = perAddress(grpcProvider({ target, timeoutMs }))
  const places = placesOf({
    provider,
    store: rows,
    nodeExists,
    onNodeGone: each => gone.push(each),
    clock: { now: Date.now, sleep: (ms, signal) => systemClock.sleep(ms / haste, signal) },
    log: silentLog,
    random: () => 0.5,
  })
  rows.listener = changes => places.committed(changes)
  let stopped = false

  return {
    places,
    gone,
    async bind(address, uid, node) {
      const before = rows.at(address)
      if (stopped || (before !== null && before.incarnation !== uid)) return false
      rows.commit('bind', address, { uid, node })
      const claim = rows.at(address)
      const due = () => !stopped && rows.at(address) === claim
      return cloudSays(places.bring(ip(address), node, due).then(due))
    },
    async end(address, uid) {
      const row = rows.at(address)
      if (stopped || row?.incarnation !== uid || row.node === null) return false
      const left = await cloudSays(places.leave(row.address, row.node).then(() => true))
      if (!left || stopped || rows.at(address)?.incarnation !== uid) return false
      rows.commit('free', address, null)
      return true
    },
    stop() {
      stopped = true
      rows.restart()
      places.stop()
      provider.close()
    },
  }
}

async function cloudSays(what: Promise<boolean>): Promise<boolean> {
  try {
    return await what
  } catch (error) {
    if (error instanceof CloudFault) return false
    throw error
  }
}
