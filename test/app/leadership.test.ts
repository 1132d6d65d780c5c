/** Owns the proof of how leadership begins, passes on and ends, one story at a time. */
import { describe, expect, test } from 'bun:test'
import { aloneLeading } from '../../src/app/leadership-alone.ts'
import { timingProblem } from '../../src/app/lease-timing.ts'
import { type Fate, leadsWithin, led, SMOOTH, stageOf, TAKEOVER_MS, TIMING } from './leadership-stage.ts'

const LOST: Fate = { ...SMOOTH, lost: 'the request' }

describe('taking office', () => {
  test('the Lease is created when it is missing, and leadership begins at once', async () => {
    const stage = stageOf()
    const a = stage.candidate('a')
    expect(a.leadership.isLeader()).toBe(false)
    expect(a.leadership.standing).toContain('not been read')
    await stage.until(100)
    expect([a.leadership.isLeader(), a.leadership.leader, a.leadership.term]).toEqual([true, 'a', 0])
    expect(a.terms).toEqual([0])
    expect(stage.record).toMatchObject({ holder: 'a', durationMs: 15_000, transitions: 0 })
  })

  test('while one leads the others wait and say who; it renews every retry period', async () => {
    const { stage, b } = await led()
    expect(b.leadership.standing).toBe('leadership: a leads (Lease kube-system/galaxy-ipam)')
    expect(b.leadership.leader).toBe('a')
    const before = stage.writes
    await stage.until(stage.nowMs + 20_000)
    expect(stage.writes - before).toBe(10)
    expect(stage.record?.transitions).toBe(0)
  })

  test('after a crash another one leads when a whole lease has passed, not before, under the next term', async () => {
    const { stage, a, b } = await led()
    a.crash()
    const tookMs = await leadsWithin(stage, b, TAKEOVER_MS)
    expect(tookMs).toBeGreaterThan(TIMING.leaseMs - TIMING.retryMs - 100)
    expect(b.terms).toEqual([1])
    expect(stage.record).toMatchObject({ holder: 'b', transitions: 1 })
  })

  test('how long others wait is what the Lease says, not what they were started with', async () => {
    const { stage, a, b } = await led({ timing: { leaseMs: 60_000, renewMs: 50_000, retryMs: 2_000 } })
    a.crash()
    expect(await leadsWithin(stage, b, 75_000)).toBeGreaterThan(57_000)
  })

  test('clocks that differ by an hour change nothing: the remote time is never asked', async () => {
    const stage = stageOf()
    const a = stage.candidate('a', { wallOffMs: -3_600_000 })
    await stage.until(1_000)
    stage.candidate('b', { wallOffMs: 3_600_000 })
    for (let at = 2_000; at < 120_000; at += 1_000) {
      await stage.until(at)
      expect(stage.leaders()).toEqual([a])
    }
  })

  test('an answer that got lost: the record is found to be ours, and leadership resumes under the same term', async () => {
    const stage = stageOf()
    let calls = 0
    // Read, look at the elders, create.
    stage.fateOf = () => (++calls === 3 ? { ...SMOOTH, lost: 'the answer' } : SMOOTH)
    const a = stage.candidate('a')
    await stage.until(4_900)
    expect([stage.record?.holder, a.leadership.isLeader()]).toEqual(['a', false])
    await leadsWithin(stage, a, 5_000)
    expect(a.terms).toEqual([0])
  })

  test('what the API server says against it is in the standing', async () => {
    const stage = stageOf()
    stage.fateOf = () => ({ ...SMOOTH, lost: 'refused' })
    const a = stage.candidate('a')
    await stage.until(3_000)
    expect(a.leadership.standing).toBe('leadership: 500 by chance')
    stage.fateOf = () => SMOOTH
    await leadsWithin(stage, a, 5_000)
  })
})

describe('keeping office', () => {
  test('R3 cut off, it stops at the deadline, and only later may another one begin', async () => {
    const { stage, a, b } = await led()
    stage.fateOf = candidate => (candidate === a ? LOST : SMOOTH)
    const cutAt = stage.nowMs
    await stage.until(cutAt + 7_900)
    expect(a.leadership.isLeader()).toBe(true)
    await stage.until(cutAt + 10_100)
    expect(stage.leaders()).toEqual([])
    expect(a.lostBecause).toContain('not renewed within 10 s: no answer')
    await leadsWithin(stage, b, TAKEOVER_MS)
  })

  test('R3 what leaves has until the lease can be taken, less a tenth of it', async () => {
    const { stage, a } = await led()
    stage.fateOf = () => LOST
    const since = stage.nowMs + a.leadership.safeForMs() - 13_500
    await stage.until(since + 6_000)
    expect(a.leadership.safeForMs()).toBe(7_500)
    a.jumpWall(1_000)
    expect(a.leadership.safeForMs()).toBe(6_500)
    a.jumpWall(-1_000)
    await stage.until(since + 10_001)
    expect(a.leadership.safeForMs()).toBe(0)
  })

  test('R3 with a renew deadline close to the lease, nothing leaves any more in its last tenth', async () => {
    const { stage, a } = await led({ timing: { leaseMs: 15_000, renewMs: 14_900, retryMs: 2_000 } })
    stage.fateOf = () => LOST
    const since = stage.nowMs + a.leadership.safeForMs() - 13_500
    await stage.until(since + 13_400)
    expect(a.leadership.safeForMs()).toBe(100)
    await stage.until(since + 13_600)
    expect([a.leadership.isLeader(), a.leadership.safeForMs()]).toEqual([true, 0])
  })

  test('R3 a machine that slept sends nothing when it wakes', async () => {
    const { stage, a } = await led({ timing: { leaseMs: 15_000, renewMs: 14_900, retryMs: 2_000 } })
    a.sleepMachine(13_600)
    await stage.until(stage.nowMs + 13_600)
    expect(a.leadership.safeForMs()).toBe(0)
  })

  test('R28 asked to look at the Lease itself, it leaves at once when that is somebody else’s', async () => {
    const { stage, a } = await led()
    const still = a.leadership.stillLeads()
    await stage.until(stage.nowMs + 10)
    expect(await still).toBe(true)
    stage.putLease({ holderIdentity: 'c', leaseDurationSeconds: 15, leaseTransitions: 9 })
    const no = a.leadership.stillLeads()
    await stage.until(stage.nowMs + 10)
    expect([await no, a.leadership.isLeader(), a.lostBecause]).toEqual([false, false, 'c took the Lease'])
  })

  test('R3 after a pause of the process the first answer is right, before any timer has run', async () => {
    const { stage, a } = await led()
    stage.fateOf = () => LOST
    a.pausedUntil = stage.nowMs + 12_000
    await stage.until(a.pausedUntil - 1)
    expect([a.lostBecause, a.leadership.isLeader()]).toEqual([null, false])
    await stage.until(stage.nowMs + 2)
    expect(a.lostBecause).toContain('not renewed')
  })

  test('R38 a machine that slept: its monotonic clock says a moment, the wall clock says the truth', async () => {
    const { stage, a } = await led()
    a.sleepMachine(12_000)
    await stage.until(stage.nowMs + 12_000)
    expect(a.leadership.isLeader()).toBe(false)
  })

  test('R38 a wall clock set back prolongs nothing', async () => {
    const { stage, a } = await led()
    stage.fateOf = () => LOST
    a.jumpWall(-3_600_000)
    await stage.until(stage.nowMs + 10_100)
    expect(a.leadership.isLeader()).toBe(false)
  })

  test('a renewal counts from when it was sent: a slow answer prolongs nothing', async () => {
    const { stage, a } = await led()
    stage.fateOf = candidate => (candidate === a ? { thereMs: 1, backMs: 4_800, lost: 'nothing' } : SMOOTH)
    const { writes } = stage
    while (stage.writes === writes) await stage.until(stage.nowMs + 10)
    const sentAt = stage.nowMs
    stage.fateOf = candidate => (candidate === a ? LOST : SMOOTH)
    await stage.until(sentAt + 9_900)
    expect(a.leadership.isLeader()).toBe(true)
    await stage.until(sentAt + 10_050)
    expect(a.leadership.isLeader()).toBe(false)
  })

  test('an answer after the deadline renews nothing: what was lost stays lost', async () => {
    const { stage, a } = await led()
    const wrote = async () => {
      const { writes } = stage
      while (stage.writes === writes) await stage.until(stage.nowMs + 10)
      return stage.nowMs
    }
    const renewedAt = await wrote()
    stage.fateOf = () => LOST
    await stage.until(renewedAt + 7_200)
    stage.fateOf = () => ({ thereMs: 1, backMs: 100, lost: 'nothing' })
    expect(await wrote()).toBeLessThan(renewedAt + 8_000)
    a.pausedUntil = renewedAt + 12_000
    await stage.until(renewedAt + 11_000)
    expect(a.leadership.isLeader()).toBe(false)
    await stage.until(renewedAt + 12_010)
    expect(a.leadership.isLeader()).toBe(false)
    expect(a.lostBecause).toContain('not renewed within 10 s')
  })

  test('time-outs after success cost nothing while the deadline holds', async () => {
    const { stage, a, b } = await led()
    const badly: Fate = { ...SMOOTH, lost: 'the answer' }
    stage.fateOf = candidate => (candidate === a && stage.nowMs % 20_000 < 2_000 ? badly : SMOOTH)
    await stage.until(stage.nowMs + 300_000)
    expect(stage.leaders()).toEqual([a])
    expect(b.terms).toEqual([])
  })

  test('somebody wrote another holder into the Lease: lost at the next renewal', async () => {
    const { stage, a } = await led()
    stage.putLease({ holderIdentity: 'c', leaseDurationSeconds: 15, leaseTransitions: 7 })
    await stage.until(stage.nowMs + 2_100)
    expect([a.leadership.isLeader(), a.lostBecause]).toEqual([false, 'c took the Lease'])
  })

  test('a deleted Lease is created again under the same term; who saw it before waits', async () => {
    const { stage, a, b } = await led()
    stage.deleteLease()
    await stage.until(stage.nowMs + 5_000)
    expect(stage.record).toMatchObject({ holder: 'a', transitions: 0 })
    stage.deleteLease()
    a.crash()
    expect(await leadsWithin(stage, b, TAKEOVER_MS)).toBeGreaterThan(TIMING.leaseMs - 100)
  })

  test('a holder that was emptied by hand leads until it notices: others wait as long as its record was good', async () => {
    const { stage, a, b } = await led()
    stage.fateOf = candidate => (candidate === a ? LOST : SMOOTH)
    stage.putLease({ holderIdentity: '', leaseDurationSeconds: 15, leaseTransitions: 3 })
    expect(await leadsWithin(stage, b, TAKEOVER_MS)).toBeGreaterThan(TIMING.leaseMs - 100)
    expect(b.terms).toEqual([4])
  })
})

describe('leaving office', () => {
  test('release stops deciding in that very step, and a successor leads at once', async () => {
    const { stage, a, b } = await led()
    const released = a.release()
    expect(a.leadership.isLeader()).toBe(false)
    await leadsWithin(stage, b, TIMING.retryMs * 2.2 + 100)
    await released
    expect([a.lostBecause, b.terms]).toEqual([null, [1]])
  })

  test('release writes what client-go writes', async () => {
    const stage = stageOf()
    const a = stage.candidate('a')
    await stage.until(1_000)
    const released = a.release()
    await stage.until(1_100)
    await released
    expect(stage.record).toMatchObject({ holder: '', durationMs: 1_000, transitions: 0 })
  })

  test('release takes nothing from a successor, and ends even if nobody answers', async () => {
    const { stage, a, b } = await led()
    stage.fateOf = candidate => (candidate === a ? LOST : SMOOTH)
    await leadsWithin(stage, b, 2 * TAKEOVER_MS)
    stage.fateOf = () => SMOOTH
    const released = a.release()
    await stage.until(stage.nowMs + 500)
    await released
    expect(stage.record?.holder).toBe('b')
    stage.fateOf = () => LOST
    const unheard = b.release()
    await stage.until(stage.nowMs + 10_000)
    await unheard
  })
})

test('without an election it leads from the start until it ends', async () => {
  const alone = aloneLeading()
  const ending = new AbortController()
  const terms: number[] = []
  const running = alone.run({ started: term => terms.push(term), lost() {} }, ending.signal)
  expect([alone.isLeader(), alone.safeForMs(), terms]).toEqual([true, Number.POSITIVE_INFINITY, [0]])
  ending.abort()
  await running
  expect([alone.isLeader(), alone.safeForMs()]).toEqual([false, 0])
})

test.each([
  [15_000, 10_000, 2_000, null],
  [
    10_000,
    10_000,
    2_000,
    '--leader-elect-lease-duration (10s) must be longer than --leader-elect-renew-deadline (10s)',
  ],
  [
    15_000,
    2_400,
    2_000,
    '--leader-elect-renew-deadline (2.4s) must be longer than 1.2 times --leader-elect-retry-period',
  ],
  [15_000, 10_000, 0, '--leader-elect-retry-period (0s) must be longer than 0'],
])('timing: lease %i, renew %i, retry %i', (leaseMs, renewMs, retryMs, problem) => {
  const found = timingProblem({ leaseMs, renewMs, retryMs })
  if (problem === null) expect(found).toBeNull()
  else expect(found).toStartWith(problem)
})
