/** Owns the configuration in force: the first one, and every change, applied between two turns; an invalid one never replaces a working one. */

import type { AdoptCommand } from '../domain/command.ts'
import type { ConfigurationReading } from '../domain/configuration.ts'
import type { Configuration } from '../domain/entry.ts'
import { type Geometry, geometryOf } from '../domain/geometry.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Clock } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'

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
  /** Reads and applies a value; null: it is missing. True when a configuration is in force. */
  apply(text: string | null): boolean
}

export interface ConfigurationParts {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Log
  /** Where it comes from, for messages. */
  readonly where: string
  readonly read: (text: string) => ConfigurationReading
  /** The last valid value, which outlives the process (R29). */
  readonly lastGood: { read(): string | null; write(text: string): void }
  readonly signal: AbortSignal
  /** What the cluster shows of addresses that come in by this geometry (R17). */
  found(geometry: Geometry): readonly AdoptCommand[]
  /** The geometry changed: what rests on the old one is to be looked at again. */
  onChange(): void
  /** A value was refused, for these reasons. */
  onRejected(because: string): void
}

export function configurationOf(parts: ConfigurationParts): ConfigurationInForce {
  const { ledger, clock, log, where, read, lastGood, found, onChange, onRejected, signal } = parts
  let status: ConfigurationStatus = { since: null, entries: 0, addresses: 0, warnings: [], rejected: null }
  let applied: string | null = null
  let wanted: string | null = null

  /** Started on an invalid value: the last valid one of an earlier process serves until it is mended. */
  function fallBack(): void {
    const text = status.since === null ? lastGood.read() : null
    const reading = text === null ? null : read(text)
    if (text === null || !reading?.ok) return
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
    status = { ...status, since: iso(clock), entries: entries.length, addresses, warnings }
    for (const warning of warnings) log.warn({ where }, warning)
    log.info({ where, entries: entries.length, addresses }, 'configuration in force')
    onChange()
  }

  function reject(because: string): boolean {
    const said = status.rejected?.because === because
    status = { ...status, rejected: { at: iso(clock), because } }
    if (!said) {
      if (status.since === null) log.warn({}, `not ready: ${because}`)
      else log.error({ because }, 'the configuration is invalid: the last valid one stays in force')
      onRejected(because)
    }
    fallBack()
    return status.since !== null
  }

  return {
    where,
    get status() {
      return status
    },
    apply(text) {
      if (text === null) return reject(`${where} does not exist: create it with the address ranges`)
      if (text === applied) {
        status = { ...status, rejected: null }
        return true
      }
      const reading = read(text)
      if (!reading.ok) return reject(`${where} is invalid: ${reading.problems.join('; ')}`)
      lastGood.write(text)
      status = { ...status, rejected: null }
      putInForce(text, reading.configuration)
      return true
    },
  }
}

function iso(clock: Clock): string {
  return new Date(clock.now()).toISOString()
}
