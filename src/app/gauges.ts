/** Owns what is looked up when someone scrapes: how full each entry is, who waits, how old what we know is, who leads. */
import { Gauge, type Registry } from 'prom-client'
import type { SubnetEntry } from '../domain/entry.ts'
import type { Mirror } from '../kube/mirror.ts'
import type { Counts, Standing } from '../ledger/tally.ts'
import type { ConfigurationInForce } from './configuration.ts'
import type { Gate } from './gate.ts'
import type { Leadership } from './leadership-port.ts'
import type { Ports } from './ports.ts'
import type { WaitingList } from './waiting.ts'

/**
 * Entries with series of their own, in the order of the configuration; the rest is summed under `other`. Ten series each: 500 entries
 * are 5,000 series and some 550 kB of text.
 */
export const ENTRIES_SHOWN_MAX = 500
const OTHER = { subnet: 'other', first_ip: '' }

/** How a metric names the standings of an address. */
const STATES: Readonly<Record<Standing, string>> = {
  bound: 'used',
  held: 'held',
  reserved: 'reserved',
  resting: 'resting',
  blocked: 'blocked',
}

export interface GaugeParts extends Pick<Ports, 'ledger' | 'cluster' | 'replicator' | 'claimants' | 'clock'> {
  readonly gate: Gate
  readonly leadership: Pick<Leadership, 'isLeader' | 'term'>
  readonly waiting: WaitingList
  readonly configuration: Pick<ConfigurationInForce, 'status'>
  /** All that is followed, by name. */
  readonly mirrors: () => readonly (readonly [string, Mirror<unknown>])[]
}

type EntryLabels = { subnet: string; first_ip: string }

export function registerGauges(registry: Registry, parts: GaugeParts): void {
  const { ledger, replicator, claimants, clock, gate, leadership, waiting, configuration, mirrors } = parts

  /** A gauge that is read, not kept: its series of the last time are forgotten first. */
  function gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (set: (labels: Record<L, string>, value: number) => void) => void,
  ): void {
    const made: Gauge<L> = new Gauge<L>({
      ...{ name, help, labelNames },
      registers: [registry],
      collect() {
        made.reset()
        read((labels, value) => made.labels(labels).inc(value))
      },
    })
  }
  const single = (name: string, help: string, read: () => number) =>
    void new Gauge({
      ...{ name, help },
      registers: [registry],
      collect() {
        this.set(read())
      },
    })

  function eachEntry(tell: (labels: EntryLabels, entry: SubnetEntry, counts: Counts, free: number) => void): void {
    ledger.read(view => {
      for (const [at, entry] of view.geometry.entries.entries()) {
        const own = { subnet: entry.subnet.text, first_ip: entry.ranges[0]?.first.text ?? '' }
        tell(at < ENTRIES_SHOWN_MAX ? own : OTHER, entry, view.counts(at), view.freeCount(at))
      }
    })
  }

  gauge('galaxy_ip_counter', 'Addresses by entry, as galaxy-ipam names it.', ['type', 'subnet', 'first_ip'], set =>
    eachEntry((labels, { size }, _counts, free) => {
      set({ type: 'allocated', ...labels }, size - free)
      set({ type: 'total', ...labels }, size)
    }),
  )
  gauge('floatip_subnet_addresses', 'Addresses by entry and state.', ['subnet', 'first_ip', 'state'], set =>
    eachEntry((labels, _entry, counts, free) => {
      set({ ...labels, state: 'free' }, free)
      for (const [standing, count] of Object.entries(counts))
        set({ ...labels, state: STATES[standing as Standing] }, count)
    }),
  )
  gauge('floatip_subnet_capacity', 'Addresses that an entry has in all.', ['subnet', 'first_ip'], set =>
    eachEntry((labels, { size }) => set(labels, size)),
  )
  single('floatip_orphaned_addresses', 'Addresses in use that the configuration does not have any more.', () =>
    ledger.read(view => view.orphans.size),
  )
  single('floatip_full_subnets', 'Entries without a free address.', () =>
    ledger.read(view => view.geometry.entries.filter((_, at) => view.freeCount(at) === 0).length),
  )

  gauge('floatip_waiting_pods', 'Pods that were refused on every node, by reason.', ['reason'], set => {
    for (const { why } of waiting.inOrder()) set({ reason: why.code }, 1)
  })
  single('floatip_waiting_pod_oldest_seconds', 'How long the pod that waits longest has waited; 0: none waits.', () => {
    const now = clock.now()
    return waiting.inOrder().reduce((oldest, { why }) => Math.max(oldest, now - why.since), 0) / 1000
  })

  single('floatip_outbox_length', 'Addresses whose newest state is not in their FloatingIP object yet.', () => {
    return replicator.pending
  })
  single('floatip_outbox_oldest_seconds', 'How long the oldest of them has waited; 0: none waits.', () => {
    return replicator.oldestMs() / 1000
  })
  single(
    'floatip_doubly_claimed_addresses',
    'Addresses that a second pod carries although another one has them.',
    () => {
      return claimants.size
    },
  )

  gauge('floatip_watch_age_seconds', 'Since the last sign of life of what is followed.', ['resource'], set => {
    for (const [resource, mirror] of mirrors())
      if (Number.isFinite(mirror.ageMs)) set({ resource }, mirror.ageMs / 1000)
  })
  gauge('floatip_watch_synced', '1: listed in whole at least once.', ['resource'], set => {
    for (const [resource, mirror] of mirrors()) set({ resource }, mirror.isSynced ? 1 : 0)
  })
  gauge('floatip_watch_objects', 'Objects in our copy of what is followed.', ['resource'], set => {
    for (const [resource, mirror] of mirrors()) set({ resource }, mirror.size)
  })

  single('floatip_ready', '1: this process answers the scheduler.', () => (gate.open ? 1 : 0))
  single('floatip_leader', '1: this process leads.', () => (leadership.isLeader() ? 1 : 0))
  single('floatip_leader_term', 'The number of its leadership; 0: it never led, or there is no election.', () => {
    return leadership.term
  })
  single('floatip_configuration_valid', '1: the configuration as it is written is in force.', () => {
    const { since, rejected } = configuration.status
    return since !== null && rejected === null ? 1 : 0
  })
  single(
    'floatip_configuration_warnings',
    'What is to be looked at in the configuration in force: see /v1/config.',
    () => {
      return configuration.status.warnings.length
    },
  )
}
