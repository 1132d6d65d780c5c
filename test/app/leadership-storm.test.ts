/** Owns the proof that two candidates never both lead at one instant, whatever network, clocks and schedulers do to them. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { randomOf } from '../sim/random.ts'
import { type Candidate, type Fate, SMOOTH, Stage, TIMING } from './leadership-stage.ts'

const STORM_MS = 60_000
/** Take-over after a crash in the last instant of the storm, and a request of 20 s that was still on its way. */
const CALM_MS = 60_000
const SLOW_MS = 20_000

interface Weather {
  readonly seed: number
  readonly candidates: number
  /** Share of calls that fare badly, in percent. */
  readonly badCalls: number
  /** Mean time between two blows. */
  readonly blowEveryMs: number
  /**
   * Wall clocks set forward and back, or machines that sleep (the monotonic clock stands still), not both on one stage: a machine
   * that sleeps and wakes with its clock set back by as much cannot know it, and no program can.
   */
  readonly clocks: 'jump' | 'sleep'
  /** The defaults stop a leader 5 s before its lease ends; flags may leave less. */
  readonly renewMs: number
}

const weather: fc.Arbitrary<Weather> = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  candidates: fc.integer({ min: 2, max: 3 }),
  badCalls: fc.constantFrom(0, 5, 20, 50),
  blowEveryMs: fc.constantFrom(3_000, 8_000, 20_000),
  clocks: fc.constantFrom('jump', 'sleep'),
  renewMs: fc.constantFrom(10_000, 13_000),
})

const seen = { runs: 0, terms: 0, losses: 0, releases: 0, crashes: 0, pauses: 0 }

async function storm({ seed, candidates, badCalls, blowEveryMs, clocks, renewMs }: Weather): Promise<void> {
  const random = randomOf(seed)
  const stage = new Stage(random)
  let born = 0
  /** Of all, or of one that is cut off. */
  let outage: { until: number; of: Candidate | null } = { until: 0, of: null }

  function fate(caller: Candidate): Fate {
    if (stage.nowMs >= STORM_MS) return SMOOTH
    const out = stage.nowMs < outage.until && (outage.of === null || outage.of === caller)
    if (out) return { ...SMOOTH, lost: random.chance(0.5) ? 'refused' : 'the request' }
    const smooth: Fate = { thereMs: random.below(50), backMs: random.below(50), lost: 'nothing' }
    if (!random.chance(badCalls / 100)) return smooth
    const slow = () => ({ thereMs: random.below(SLOW_MS), backMs: random.below(SLOW_MS) })
    const lost = random.weighted({ nothing: 3, 'the request': 1, 'the answer': 2, refused: 1 })
    return random.chance(0.6) ? { ...slow(), lost } : { ...smooth, lost }
  }

  function enter(): void {
    const candidate = stage.candidate(`host_${++born}`, {
      rate: 0.98 + random.below(40) / 1_000,
      wallOffMs: random.below(7_200_000) - 3_600_000,
      timing: { ...TIMING, renewMs },
    })
    // A process that ended is started again, as a Deployment does it.
    const look = () => {
      if (candidate.finished || candidate.crashed) stage.at(stage.nowMs + random.below(3_000), enter)
      else stage.at(stage.nowMs + 500, look)
    }
    look()
  }

  function strike(victim: Candidate): void {
    switch (random.weighted({ pause: 4, clock: 3, crash: 1, release: 1, outage: 4 })) {
      case 'pause':
        seen.pauses++
        victim.pausedUntil = stage.nowMs + random.below(40_000)
        break
      case 'clock':
        if (clocks === 'sleep') victim.sleepMachine(random.below(40_000))
        else victim.jumpWall(random.below(60_000) - 30_000)
        break
      case 'crash':
        seen.crashes++
        victim.crash()
        break
      case 'release':
        seen.releases++
        void victim.release()
        break
      case 'outage':
        outage = { until: stage.nowMs + random.below(25_000), of: random.chance(0.7) ? victim : null }
    }
  }

  function blow(): void {
    if (stage.nowMs >= STORM_MS) return
    const running = stage.candidates.filter(each => !each.crashed && !each.finished && each.pausedUntil <= stage.nowMs)
    const leading = running.filter(each => each.leadership.isLeader())
    const victim = random.pick(leading.length > 0 && random.chance(0.7) ? leading : running)
    if (victim !== undefined) strike(victim)
    stage.at(stage.nowMs + 1 + random.below(2 * blowEveryMs), blow)
  }

  stage.fateOf = fate
  /** Until when what each last sent may be under way; nothing of one that released is (it does that last). */
  const underWay = new Map<Candidate, number>()
  stage.onEvent = () => {
    const leaders = stage.leaders()
    for (const [each, until] of underWay) {
      const other = leaders.find(leader => leader !== each)
      if (other !== undefined && until > stage.nowMs && !each.released)
        throw new Error(
          `at ${stage.nowMs} ms ${other.name} leads, and a request of ${each.name} may arrive until ${until}`,
        )
    }
    for (const each of leaders) underWay.set(each, stage.nowMs + each.leadership.safeForMs() / each.rate)
    if (leaders.length > 1) throw new Error(`at ${stage.nowMs} ms ${leaders.map(each => each.name).join(' and ')} lead`)
  }
  for (let count = 0; count < candidates; count++) stage.at(random.below(3_000), enter)
  stage.at(random.below(blowEveryMs), blow)
  await stage.until(STORM_MS + CALM_MS)

  // After the storm somebody leads, and every leadership of the Lease had a number of its own.
  expect(stage.leaders()).toHaveLength(1)
  const terms = stage.candidates.flatMap(each => each.terms)
  expect(new Set(terms).size).toBe(terms.length)
  for (const each of stage.candidates) expect(each.terms.length).toBeLessThanOrEqual(1)
  seen.runs++
  seen.terms += terms.length
  seen.losses += stage.candidates.filter(each => each.lostBecause !== null).length
}

test('R3 R38 two candidates never both lead, and no request of the one can arrive while the other leads, in thousands of storms; after each exactly one does', async () => {
  await fc.assert(fc.asyncProperty(weather, storm), { numRuns: 2_000 })
  // The storms were storms.
  expect(seen.terms).toBeGreaterThan(2 * seen.runs)
  expect(seen.losses).toBeGreaterThan(seen.runs / 2)
  for (const often of [seen.releases, seen.crashes, seen.pauses]) expect(often).toBeGreaterThan(seen.runs / 4)
}, 60_000)
