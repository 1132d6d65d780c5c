/** Owns the proof that no interleaving of binds, ends, losses and restarts puts an address on two nodes or forgets one. */
import { afterEach, expect, test } from 'bun:test'
import fc from 'fast-check'
import { DONE, DONE_BUT_LOST, until } from './provider-server.ts'
import { closeWorlds, REFUSED, world } from './world.ts'

afterEach(closeWorlds)

test('R30: whatever fails, races or restarts, no address is assigned to a second node, and at rest nothing is left', async () => {
  const step = fc.record({
    what: fc.constantFrom('bind', 'bind', 'bind', 'end', 'end', 'lose', 'take', 'crash'),
    address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
    uid: fc.constantFrom('u1', 'u2'),
    node: fc.constantFrom('n1', 'n2', 'n3'),
    pauseMs: fc.constantFrom(0, 0, 0, 1, 4),
  })
  const answers = fc.array(fc.constantFrom('done', 'done', 'slow', 'refused', 'lost'), { minLength: 1, maxLength: 30 })
  const { server, floatip, again, rows } = await world()
  let life = floatip
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), answers, async (steps, script) => {
      let at = 0
      server.script = async () => {
        const answer = script[at++ % script.length]
        await Bun.sleep(answer === 'slow' ? 5 : 0)
        return answer === 'refused' ? REFUSED : answer === 'lost' ? DONE_BUT_LOST : DONE
      }
      const flows: Promise<boolean>[] = []
      for (const { what, address, uid, node, pauseMs } of steps) {
        if (what === 'bind') flows.push(life.bind(address, uid, node))
        if (what === 'end') flows.push(life.end(address, rows.at(address)?.incarnation ?? ''))
        if (what === 'lose' && rows.at(address) !== null) rows.commit('adopt', address, null)
        if (what === 'take') rows.commit('adopt', address, { uid, node })
        if (what === 'crash') {
          life.stop()
          await until(() => server.busy === 0)
          life = again()
          life.places.start()
        }
        if (pauseMs > 0) await Bun.sleep(pauseMs)
      }
      await Promise.all(flows)
      // Now all goes well, and every pod ends.
      server.script = () => DONE
      for (const { address, incarnation } of rows.all()) {
        const end = performance.now() + 5_000
        while (rows.at(address.text) !== null && performance.now() < end) {
          if (!(await life.end(address.text, incarnation ?? ''))) await Bun.sleep(1)
        }
      }
      await until(() => rows.leftovers().length === 0 && life.places.leftovers === 0)
      expect(rows.all()).toEqual([])
      expect([...server.where]).toEqual([])
      expect(server.clashes).toEqual([])
      expect(server.most.address).toBeLessThanOrEqual(1)
    }),
    { numRuns: 80 },
  )
}, 30_000)
