/** Owns the configuration in force: the first one, and every change, applied between two turns; an invalid one never replaces a working one. */

import type { AdoptCommand } from '../domain/command.ts'
import { type ConfigurationReading, problemsText } from '../domain/configuration.ts'
import type { Configuration } from '../domain/entry.ts'
import { type Geometry, geometryOf } from '../domain/geometry.ts'
import type { NodeFact } from '../kube/node.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Clock } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import type { LastGood } from './last-good.ts'
import { type NodeAddresses, nodeAddresses } from './node-addresses.ts'

/** The ledger's disk failed in the turn of a new configuration. */
const RETRY_MS = 1_000

export interface ConfigurationStatus {
  /** ISO time since which the present entries are in force; null: none are. */
  readonly since: string | null
  readonly entries: number
  readonly addresses: number
  readonly warnings: readonly string[]
  /** The last value that was refused and not mended since. */
  readonly rejected: { readonly at: string; readonly because: string } | null
}

export interface ConfigurationInForce {
  /** Where it comes from. */
  readonly where: string
  readonly status: ConfigurationStatus
  /** Reads and applies a value; null: it is missing. */
  apply(text: string | null): void
  /** Addresses in `ips` that a node has, as last looked at. */
  readonly sharedWithNodes: NodeAddresses['shared']
  /** A node came, changed its addresses or went: what is to be warned of is looked at again, soon. */
  nodesChanged(): void
}

export interface ConfigurationParts {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Log
  /** Where it comes from, for messages. */
  readonly where: string
  readonly read: (text: string) => ConfigurationReading
  /** The last valid value, which outlives the process (R29). */
  readonly lastGood: LastGood
  /** What the cluster shows of addresses that come in by this geometry (R17). */
  found(geometry: Geometry): readonly AdoptCommand[]
  /** The geometry changed: what rests on the old one is to be looked at again. */
  onChange(): void
  /** A value was refused, for these reasons. */
  onRejected(because: string): void
  /** Something that a person should look at, said once for as long as it is so. */
  onWarning(warning: string): void
  /** Those of the cluster; none, as long as it is not listed. */
  nodes(): Iterable<NodeFact>
  readonly signal: AbortSignal
}

/** The nodes of a list come one by one: thousands of them are looked at once. */
const LOOK_WITHIN_MS = 100

export function configurationOf(parts: ConfigurationParts): ConfigurationInForce {
  const { ledger, clock, log, where, read, lastGood, found, onChange, onRejected, onWarning, nodes, signal } = parts
  /** Of the value in force itself. */
  let ofValue: readonly string[] = []
  let shared: NodeAddresses['shared'] = new Map()
  let looking = false
  let recalling = false
  let status: ConfigurationStatus = { since: null, entries: 0, addresses: 0, warnings: [], rejected: null }
  let applied: string | null = null
  let wanted: string | null = null

  /** Started on an invalid value: the last valid one of an earlier process serves until it is mended. */
  async function fallBack(): Promise<void> {
    if (status.since !== null || recalling) return
    recalling = true
    const text = await lastGood.read()
    recalling = false
    const reading = text === null ? null : read(text)
    // Mended meanwhile.
    if (signal.aborted || wanted !== null || text === null || !reading?.ok) return
    log.warn({ where }, 'the last valid configuration of an earlier run is used')
    putInForce(text, reading.configuration)
  }

  function putInForce(text: string, configuration: Configuration): void {
    const { entries, warnings } = configuration
    wanted = text
    const geometry = geometryOf(entries)
    try {
      ledger.reshape(geometry, found(geometry))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      log.error({ where, err: error.message }, 'the configuration could not be put in force yet, will retry')
      void clock.sleep(RETRY_MS, signal).then(() => {
        if (!signal.aborted && wanted === text) putInForce(text, configuration)
      })
      return
    }
    applied = text
    const addresses = ledger.read(view => view.geometry.slots)
    ofValue = warnings
    status = { ...status, since: iso(clock), entries: entries.length, addresses }
    warn()
    log.info({ where, entries: entries.length, addresses }, 'configuration in force')
    onChange()
  }

  function warn(): void {
    const before = new Set(status.warnings)
    const ofNodes = ledger.read(view => nodeAddresses(view, nodes()))
    shared = ofNodes.shared
    const warnings = [...ofValue, ...ofNodes.warnings]
    status = { ...status, warnings }
    for (const warning of warnings.filter(each => !before.has(each))) {
      log.warn({ where }, warning)
      onWarning(warning)
    }
  }

  function lookSoon(): void {
    if (looking || status.since === null) return
    looking = true
    void clock.sleep(LOOK_WITHIN_MS, signal).then(() => {
      looking = false
      if (!signal.aborted) warn()
    })
  }

  // Taken out of circulation, an address of a node is nobody's worry any more; given back, it is one again.
  ledger.onCommit(changes => {
    if (changes.some(({ before, after }) => (before?.blocked ?? false) !== (after?.blocked ?? false))) lookSoon()
  })

  function reject(because: string): void {
    const said = status.rejected?.because === because
    status = { ...status, rejected: { at: iso(clock), because } }
    if (!said) {
      if (status.since === null) log.warn({}, `not ready: ${because}`)
      else log.error({ because }, 'the configuration is invalid: the last valid one stays in force')
      onRejected(because)
    }
    void fallBack()
  }

  return {
    where,
    get status() {
      return status
    },
    get sharedWithNodes() {
      return shared
    },
    apply(text) {
      if (text === null) return reject(`${where} does not exist: create it with the address ranges`)
      if (text === applied) {
        // Another one may wait for the disk, and is not wanted any more.
        wanted = text
        status = { ...status, rejected: null }
        return
      }
      const reading = read(text)
      if (!reading.ok) return reject(`${where} is invalid: ${problemsText(reading.problems)}`)
      lastGood.write(text)
      status = { ...status, rejected: null }
      putInForce(text, reading.configuration)
    },
    nodesChanged: lookSoon,
  }
}

function iso(clock: Clock): string {
  return new Date(clock.now()).toISOString()
}
