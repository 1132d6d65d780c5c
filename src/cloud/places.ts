/** Owns where the cloud may have each address: assigned before a Binding, unassigned before anybody else has it, and nothing forgotten. */
import type { Committed } from '../domain/change.ts'
import { type Address, parseAddress } from '../ip/address.ts'
import { present } from '../lib/assert.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { knownPlaces, type Place } from './place.ts'
import { CloudFault, type CloudProvider } from './provider.ts'

/**
 * A place is one address on one node. What is known of it:
 *
 *             bind claims it (a turn)          assign is sent               the provider did it, or nobody knows
 *   unknown ───────────────────────▶ absent ──────────────────▶ maybe ───────────────────────────────────────▶ maybe
 *                                      ▲                          │ refused, and it was absent before
 *                                      ├──────────────────────────┤
 *                                      └──────────────────────────┘ unassigned, or the node is gone; no assign sent since
 *
 * Unknown counts as maybe: so do all rows found at start, and what others assigned.
 *
 * What must be unassigned is on disk at each moment, in one of two forms:
 *   1. a row of the ledger that is bound on the node. Whoever ends it (unbind, give back, release) asks for `leave` first, and
 *      submits the change after; until then the row stays, and nobody else has the address.
 *   2. a *leftover*: a row moved away from the node in a turn (adopted by another pod, withdrawn, or a race with 1). The same
 *      transaction wrote (address, node, revision) into the table `cloud`. It is pursued until it is done; a bind of the address
 *      elsewhere waits for it. A row bound on the node again wipes it out, for then form 1 holds.
 * A `leave` that succeeded before its turn leaves the place absent: the turn's leftover is done without a call.
 *
 * Restart. Between assign and Binding: the row is bound and the pod pending; the scheduler's next bind of it claims and assigns
 * again, which is no error. Nothing else is assigned again. Between unassign and its turn: the row is still bound, its pod's end
 * is seen again, and one unassign is repeated. Leftovers are pursued from `start`, after the reconciliation, which may find
 * their pods alive.
 *
 * Order. A call is sent in the moment in which it is decided (`due`, no await in between), and calls of one address keep their
 * order (per-address.ts). So an assign that is sent after a row came to a node arrives after every unassign that was decided
 * before, and an unassign that is decided after a row went arrives after its assign.
 */
export interface Places {
  /** Has the cloud send the address to this node, after it left all others; `due` is asked last of all. Throws a CloudFault. */
  bring(address: Address, node: string, due: () => boolean): Promise<void>
  /** One try (fewer, if the last failed a moment ago): resolves when the cloud has it there no more. Throws a CloudFault. */
  leave(address: Address, node: string): Promise<void>
  /** An object names this node, and no row does: the ledger that knew why is lost (another machine's). As a leftover. */
  found(address: Address, node: string): void
  /** What is left over is not of this cluster: nothing is said of it here. */
  forget(): void
  /** To be told of every commit. */
  committed(changes: readonly Committed[]): void
  /** Begins to pursue what is left over. */
  start(): void
  /** Leftovers that are not done. */
  readonly leftovers: number
  stop(): void
}

export interface Leftover {
  readonly address: string
  readonly node: string
  readonly revision: number
}

/** The table `cloud`, through the ledger's journal. */
export interface LeftoverStore {
  leftovers(): readonly Leftover[]
  /** Done, unless a newer one came. May be written with a later turn. */
  left(address: string, node: string, revision: number): void
}

export interface NodeGone {
  readonly address: Address
  readonly node: string
  readonly failures: number
  readonly because: string
}

export interface PlacesParts {
  /** With calls in order for each address. */
  readonly provider: CloudProvider
  readonly store: LeftoverStore
  /** False: the node object is gone, by the cluster's word; null: nobody can tell now. */
  readonly nodeExists: (name: string) => boolean | null
  /** An unassign was given up because the machine is gone: worth an Event. */
  readonly onNodeGone: (gone: NodeGone) => void
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
}

/** Failures before a node without an object counts as a dead machine: at 60 s for each, some 3 minutes. */
export const FAILURES_OF_GONE_NODE = 3
const RETRY_FIRST_MS = 1_000
const RETRY_MOST_MS = 60_000

export function placesOf({ provider, store, nodeExists, onNodeGone, clock, log, random }: PlacesParts): Places {
  const known = knownPlaces()
  const stopping = new AbortController()
  let started = false
  for (const { address, node, revision } of store.leftovers()) {
    known.at(present(parseAddress(address), `address ${address}`), node).owed = revision
  }

  async function bring(address: Address, node: string, due: () => boolean): Promise<void> {
    for (
      let other = known.leftOverElsewhere(address, node);
      other !== null;
      other = known.leftOverElsewhere(address, node)
    ) {
      await leave(address, other.node)
    }
    if (!due()) return
    const place = known.at(address, node)
    const absentBefore = place.absent
    const assigns = ++place.assigns
    place.absent = false
    place.assigning++
    try {
      await provider.assign(node, address)
      place.failures = 0
    } catch (error) {
      const refused = error instanceof CloudFault && error.outcome === 'refused'
      if (refused && absentBefore && place.assigns === assigns) isAbsent(place)
      throw error
    } finally {
      place.assigning--
      known.tidy(place)
    }
  }

  function leave(address: Address, node: string): Promise<void> {
    const place = known.at(address, node)
    if (place.absent) return Promise.resolve(isAbsent(place))
    // A try that was sent before the last assign takes back what came before it only.
    if (place.trying !== null && place.trying.assigns === place.assigns) return place.trying.result
    if (place.resting !== null) return Promise.reject(place.fault)
    const trying = { result: attempt(place), assigns: place.assigns }
    place.trying = trying
    const over = () => {
      if (place.trying === trying) place.trying = null
      known.tidy(place)
    }
    trying.result.then(over, over)
    return trying.result
  }

  async function attempt(place: Place): Promise<void> {
    const { address, node, assigns } = place
    try {
      await provider.unassign(node, address)
    } catch (error) {
      if (!(error instanceof CloudFault)) throw error
      place.failures++
      const gone = place.failures >= FAILURES_OF_GONE_NODE && nodeExists(node) === false
      if (!gone) {
        rest(place, error)
        throw error
      }
      log.warn(
        { ip: address.text, node, failures: place.failures },
        'the node is gone: its address counts as unassigned',
      )
      onNodeGone({ address, node, failures: place.failures, because: messageOf(error) })
    }
    place.failures = 0
    if (place.assigns !== assigns) {
      throw new CloudFault('unassign', node, address, 'unknown', 'it was assigned there again in the meantime')
    }
    isAbsent(place)
  }

  function rest(place: Place, fault: CloudFault): void {
    const { address, node, failures } = place
    if (failures === 1) log.warn({ ip: address.text, node, err: fault.message }, 'not unassigned, will retry')
    const most = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 10))
    place.fault = fault
    place.resting = clock.sleep(most * (0.5 + random() / 2), stopping.signal).then(() => {
      place.resting = null
    })
  }

  /** The address is not at the place: what was left over is done. */
  function isAbsent(place: Place): void {
    place.absent = true
    if (place.owed === null) return
    store.left(place.address.text, place.node, place.owed)
    place.owed = null
    // No row is bound there: a later bind begins with a clean sheet.
    place.absent = false
    known.tidy(place)
  }

  async function pursue(place: Place): Promise<void> {
    if (place.pursued || !started) return
    place.pursued = true
    while (place.owed !== null && !stopping.signal.aborted) {
      try {
        await leave(place.address, place.node)
      } catch (error) {
        if (!(error instanceof CloudFault)) log.error({ err: error, node: place.node }, 'unassigning failed on a bug')
        if (place.resting === null && place.owed !== null) rest(place, asFault(place, error))
        await place.resting
      }
    }
    place.pursued = false
    known.tidy(place)
  }

  function asFault({ node, address }: Place, error: unknown): CloudFault {
    return error instanceof CloudFault ? error : new CloudFault('unassign', node, address, 'unknown', messageOf(error))
  }

  /** A row came to a node, or went from one. */
  function moved({ address, before, after, verb, revision }: Committed): void {
    const from = before?.node ?? null
    const to = after?.node ?? null
    if (from === to) return
    if (from !== null) {
      const place = known.at(address, from)
      place.owed = revision
      if (place.absent) isAbsent(place)
      else void pursue(place)
    }
    if (to !== null) {
      const place = known.find(address, to)
      const wasLeftOver = place !== undefined && place.owed !== null
      if (place !== undefined) place.owed = null
      // Others assign for what we adopt; what we claim was not there before, unless it was left over.
      if (verb === 'bind' && !wasLeftOver && place === undefined) known.at(address, to).absent = true
    }
  }

  return {
    bring,
    leave,
    found(address, node) {
      const place = known.at(address, node)
      place.owed ??= 0
      void pursue(place)
    },
    forget() {
      for (const place of known.all()) {
        if (place.owed !== null) store.left(place.address.text, place.node, place.owed)
        place.owed = null
        known.tidy(place)
      }
    },
    committed(changes) {
      for (const change of changes) moved(change)
    },
    start() {
      started = true
      for (const place of known.all()) void pursue(place)
    },
    get leftovers() {
      return known.all().filter(place => place.owed !== null).length
    },
    stop() {
      stopping.abort()
    },
  }
}
