/** Owns the proof that older galaxy-ipams, who elect by an annotation, are waited for, and never led beside. */
import { describe, expect, test } from 'bun:test'
import { leadsWithin, led, stageOf, TAKEOVER_MS, TIMING } from './leadership-stage.ts'

describe('an older galaxy-ipam, which knows nothing of the Lease', () => {
  const record = (renewTime: string) =>
    JSON.stringify({
      holderIdentity: 'galaxy-0',
      leaseDurationSeconds: 15,
      acquireTime: 't',
      renewTime,
      leaderTransitions: 2,
    })

  for (const where of ['Endpoints e', 'ConfigMap c']) {
    test(`leads by its annotation on the ${where}: we wait as long as it renews, and say so`, async () => {
      const stage = stageOf()
      const a = stage.candidate('a')
      for (let at = 0; at < 120_000; at += 2_000) {
        stage.elders[where] = record(`t${at}`)
        await stage.until(at + 1_999)
        expect(stage.leaders()).toEqual([])
      }
      expect(a.leadership.standing).toBe(`leadership: galaxy-0 leads (an older galaxy-ipam, ${where})`)
      expect(await leadsWithin(stage, a, TAKEOVER_MS)).toBeGreaterThan(TIMING.leaseMs - TIMING.retryMs - 100)
    })
  }

  test('a dead record is waited for once; the next leader knows from the Lease that it was dead', async () => {
    const stage = stageOf()
    stage.elders['Endpoints e'] = record('long ago')
    const a = stage.candidate('a')
    expect(await leadsWithin(stage, a, TAKEOVER_MS)).toBeGreaterThan(TIMING.leaseMs - 100)
    const released = a.release()
    await stage.until(stage.nowMs + 100)
    await released
    await leadsWithin(stage, stage.candidate('b'), 200)
  })

  test('a released or missing record is not waited for; one that cannot be read is', async () => {
    const stage = stageOf()
    stage.elders['Endpoints e'] = JSON.stringify({ holderIdentity: '', leaseDurationSeconds: 1 })
    await leadsWithin(stage, stage.candidate('a'), 200)
    const other = stageOf()
    other.elders['ConfigMap c'] = 'what?'
    expect(await leadsWithin(other, other.candidate('a'), TAKEOVER_MS)).toBeGreaterThan(TIMING.leaseMs - 100)
  })

  test('one that takes office beside us makes us leave', async () => {
    const { stage, a } = await led()
    stage.elders['Endpoints e'] = record('now')
    await stage.until(stage.nowMs + 2_100)
    expect(a.leadership.isLeader()).toBe(false)
    expect(a.lostBecause).toBe('galaxy-0 leads by Endpoints e: an older galaxy-ipam runs beside us')
  })
})
