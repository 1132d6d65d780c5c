/** Owns that no answer is cut while it is made: the ports' patience exceeds what the longest of them may take. */
import { afterAll, expect, test } from 'bun:test'
import { closeWorlds, openWorld } from '../app/world.ts'

afterAll(closeWorlds)

test('both ports wait longer than a profile of 120 s, and than two calls to the cloud of 60 s each', async () => {
  const { apiPort, extender } = await openWorld()
  for (const { config } of [apiPort, extender]) expect(config.serve?.idleTimeout).toBeWithin(121, 256)
})
