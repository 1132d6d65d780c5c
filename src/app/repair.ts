/** Owns the repair: what a check found is mended where that is safe, each after a fresh look; the rest is left, with the reason. */
import { isRefusal } from '../domain/refusal.ts'
import { unreachable } from '../lib/assert.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Check, Checked } from './check.ts'
import type { Finding, FindingKind, Mend } from './findings.ts'
import { inTime } from './in-time.ts'
import { inLanes } from './lanes.ts'
import type { Ports } from './ports.ts'
import { endIfGone } from './reconcile.ts'

/** would: in a dry run · done · gone: no longer so when it was looked at again · left: not safe, or it failed. */
export type RepairState = 'would' | 'done' | 'gone' | 'left'

export interface Repaired {
  readonly finding: Finding
  readonly state: RepairState
  readonly because: string
}

export interface Repairs {
  readonly checked: Checked
  readonly repaired: readonly Repaired[]
}

export interface RepairWish {
  readonly dryRun: boolean
  /** Null: all kinds. */
  readonly kinds: ReadonlySet<FindingKind> | null
}

export type Repair = (wish: RepairWish) => Promise<Repairs>

/** Repairs under way at once: each is a quorum GET or a write. */
const AT_ONCE = 16
/** A write that the API server does not take in this time is left to the replicator, which goes on. */
const WRITTEN_WITHIN_MS = 10_000

export function repairOn(ports: Ports, check: Check): Repair {
  const { ledger, replicator, clock, log } = ports

  async function mend(each: Mend): Promise<{ state: RepairState; because: string }> {
    switch (each.kind) {
      case 'rewrite': {
        const { address, revision } = each.row
        replicator.recheck(address, revision)
        const written = await inTime(clock, replicator.acknowledged(address, revision), WRITTEN_WITHIN_MS)
        if (written !== 'late') return { state: 'done', because: 'the object was written' }
        return { state: 'left', because: 'the API server did not take the object in time: it is tried again' }
      }
      case 'adopt': {
        const now = ledger.read(view => view.at(each.sighting.address))?.revision ?? null
        if (now !== each.revision) return { state: 'gone', because: 'the address changed meanwhile: check again' }
        const outcome = await ledger.submit('adopt', { ...each.sighting, at: clock.now() })
        if (isRefusal(outcome)) return { state: 'left', because: outcome.because }
        return outcome.changes.length > 0
          ? { state: 'done', because: 'it was recorded' }
          : { state: 'gone', because: 'it was recorded already' }
      }
      case 'end':
        return (await endIfGone(ports, each.row))
          ? { state: 'done', because: 'the end of its pod was booked' }
          : { state: 'gone', because: 'its pod exists after all, or the cloud has not let it go' }
      case 'unblock': {
        const outcome = await ledger.submit('unblock', { at: clock.now(), address: each.row.address })
        return !isRefusal(outcome) && outcome.answer
          ? { state: 'done', because: 'the reservation has ended' }
          : { state: 'gone', because: 'it was not reserved any more' }
      }
      default:
        return unreachable(each)
    }
  }

  async function repairOne(finding: Finding, dryRun: boolean): Promise<Repaired> {
    if (finding.mend === null) return { finding, state: 'left', because: finding.remedy }
    if (dryRun) return { finding, state: 'would', because: finding.remedy }
    try {
      const done = await mend(finding.mend)
      log.info({ ip: finding.ip, kind: finding.kind, ...done }, 'repair')
      return { finding, ...done }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      return { finding, state: 'left', because: messageOf(error) }
    }
  }

  return async ({ dryRun, kinds }) => {
    const checked = await check()
    const wanted = checked.findings.filter(({ kind }) => kinds === null || kinds.has(kind))
    const repaired: Repaired[] = []
    await inLanes([...wanted.entries()], AT_ONCE, async ([at, finding]) => {
      repaired[at] = await repairOne(finding, dryRun)
    })
    return { checked, repaired }
  }
}
