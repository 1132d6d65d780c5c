/** Owns the proof that the cloud never has an address on two nodes, and that nothing is forgotten: case by case. */
import { afterEach, expect, test } from 'bun:test'
import { FAILURES_OF_GONE_NODE } from '../../src/cloud/places.ts'
import type { CloudFault } from '../../src/cloud/provider.ts'
import { DONE, DONE_BUT_LOST, failureOf, ip, never, until } from './provider-server.ts'
import { closeWorlds, REFUSED, world } from './world.ts'

afterEach(closeWorlds)

const A = '10.0.0.1'

test('a pod comes and goes: one assign, one unassign, nothing left over', async () => {
  const { server, rows, floatip } = await world()
  expect(await floatip.bind(A, 'u1', 'n1')).toBe(true)
  expect(await floatip.end(A, 'u1')).toBe(true)
  expect(server.calls).toEqual([`assign ${A} n1`, `unassign ${A} n1`])
  expect([rows.at(A), rows.leftovers(), floatip.places.leftovers]).toEqual([null, [], 0])
})

test('a failed assign fails the bind and keeps the address; the next bind assigns again', async () => {
  const { server, rows, floatip } = await world(() => REFUSED)
  expect(await floatip.bind(A, 'u1', 'n1')).toBe(false)
  expect(rows.at(A)?.incarnation).toBe('u1')
  server.script = () => DONE
  expect(await floatip.bind(A, 'u1', 'n1')).toBe(true)
})

test('what was refused was never there: giving it up needs no unassign, on this node or the next', async () => {
  const { server, rows, floatip } = await world(() => REFUSED)
  expect(await floatip.bind(A, 'u1', 'n1')).toBe(false)
  server.script = () => DONE
  expect(await floatip.bind(A, 'u1', 'n2')).toBe(true)
  expect(server.calls).toEqual([`assign ${A} n1`, `assign ${A} n2`])
  expect(rows.leftovers()).toEqual([])
})

test('R30: an assign that ran out of time may have taken place: it is unassigned before another node is tried', async () => {
  const { server, floatip } = await world(never, { timeoutMs: 150 })
  expect(await floatip.bind(A, 'u1', 'n1')).toBe(false)
  server.script = () => DONE
  expect(await floatip.bind(A, 'u1', 'n2')).toBe(true)
  expect(server.calls).toEqual([`assign ${A} n1`, `unassign ${A} n1`, `assign ${A} n2`])
})

test('a refusal after an attempt of unknown end proves nothing: it is unassigned', async () => {
  const { server, floatip } = await world(() => DONE_BUT_LOST)
  expect(await floatip.bind(A, 'u1', 'n1')).toBe(false)
  server.script = () => REFUSED
  expect(await floatip.bind(A, 'u1', 'n1')).toBe(false)
  server.script = () => DONE
  expect(await floatip.end(A, 'u1')).toBe(true)
  expect(server.calls.at(-1)).toBe(`unassign ${A} n1`)
})

test('a failed unassign keeps the address until a later try, with a pause between tries', async () => {
  const { server, rows, floatip } = await world(undefined, { haste: 10 })
  await floatip.bind(A, 'u1', 'n1')
  server.script = () => REFUSED
  expect(await floatip.end(A, 'u1')).toBe(false)
  for (let n = 0; n < 50; n++) expect(await floatip.end(A, 'u1')).toBe(false)
  // The pause is 75 ms here: fifty askers within it cost no call.
  expect(server.calls.length).toBeLessThan(10)
  expect(rows.at(A)?.incarnation).toBe('u1')
  server.script = () => DONE
  const end = performance.now() + 5_000
  while (!(await floatip.end(A, 'u1')) && performance.now() < end) await Bun.sleep(5)
  expect(rows.at(A)).toBeNull()
  expect(server.where.size).toBe(0)
  // And then all is as if nothing had failed: what is refused now was never there.
  server.script = () => REFUSED
  expect(await floatip.bind(A, 'u2', 'n1')).toBe(false)
  const calls = server.calls.length
  expect(await floatip.end(A, 'u2')).toBe(true)
  expect(server.calls.length).toBe(calls)
})

test('a bind that was overtaken while it waited for a leftover assigns nothing', async () => {
  const { server, rows, floatip } = await world()
  await floatip.bind(A, 'u1', 'n1')
  const gate = Promise.withResolvers<void>()
  server.script = async ({ verb }) => {
    if (verb === 'unassign') await gate.promise
    return DONE
  }
  rows.commit('adopt', A, null)
  const overtaken = floatip.bind(A, 'u2', 'n2')
  const newest = floatip.bind(A, 'u2', 'n3')
  gate.resolve()
  expect(await Promise.all([overtaken, newest])).toEqual([false, true])
  expect(server.calls).toEqual([`assign ${A} n1`, `unassign ${A} n1`, `assign ${A} n3`])
})

test('a leftover is pursued until it is done, and a bind elsewhere waits for it', async () => {
  const { server, rows, floatip } = await world()
  await floatip.bind(A, 'u1', 'n1')
  server.script = ({ verb }) => (verb === 'unassign' ? REFUSED : DONE)
  rows.commit('adopt', A, null) // without a leave: a race, or a withdrawal
  expect(rows.leftovers().map(each => each.node)).toEqual(['n1'])
  expect(await floatip.bind(A, 'u2', 'n2')).toBe(false)
  const failure = (await failureOf(floatip.places.bring(ip(A), 'n2', () => true))) as CloudFault
  expect(failure.message).toContain(`did not unassign ${A} from node n1: no`)
  expect(server.where.get(A)).toBe('n1')
  server.script = () => DONE
  await until(() => rows.leftovers().length === 0)
  expect(await floatip.bind(A, 'u2', 'n2')).toBe(true)
  expect(server.clashes).toEqual([])
})

test('a row bound on the node again wipes the leftover out', async () => {
  const { server, rows, floatip } = await world()
  await floatip.bind(A, 'u1', 'n1')
  server.script = ({ verb }) => (verb === 'unassign' ? REFUSED : DONE)
  rows.commit('adopt', A, null)
  expect(await floatip.bind(A, 'u2', 'n1')).toBe(true)
  server.script = () => DONE
  await Bun.sleep(50)
  expect([rows.leftovers(), floatip.places.leftovers]).toEqual([[], 0])
  expect(server.where.get(A)).toBe('n1')
})

test('an unassign under way does not take back the assign behind it', async () => {
  const { server, rows, floatip } = await world()
  await floatip.bind(A, 'u1', 'n1')
  server.script = async ({ verb }) => {
    if (verb === 'unassign') await Bun.sleep(30)
    return DONE
  }
  rows.commit('adopt', A, null)
  await until(() => server.calls.length === 2)
  expect(await floatip.bind(A, 'u2', 'n1')).toBe(true)
  expect(server.where.get(A)).toBe('n1')
  expect(await floatip.end(A, 'u2')).toBe(true)
  expect(server.where.size).toBe(0)
})

test('a leave is no success when the address was assigned there again behind it', async () => {
  const { server, floatip } = await world()
  await floatip.bind(A, 'u1', 'n1')
  server.script = async () => {
    await Bun.sleep(20)
    return DONE
  }
  const ends = [floatip.end(A, 'u1')]
  const bound = floatip.bind(A, 'u1', 'n1')
  ends.push(floatip.end(A, 'u1'))
  expect(await Promise.all(ends)).toEqual([false, true])
  await bound
  expect(server.calls.map(call => call.split(' ')[0])).toEqual(['assign', 'unassign', 'assign', 'unassign'])
  expect(server.where.size).toBe(0)
})

test('what others assigned, for a pod that we adopted, is unassigned at its end', async () => {
  const { server, rows, floatip } = await world()
  rows.commit('adopt', A, { uid: 'u1', node: 'n1' })
  expect(await floatip.end(A, 'u1')).toBe(true)
  expect(server.calls).toEqual([`unassign ${A} n1`])
})

test('a refused assign where a leftover was proves nothing: it is unassigned', async () => {
  const { server, rows, floatip } = await world()
  await floatip.bind(A, 'u1', 'n1')
  server.script = () => REFUSED
  rows.commit('adopt', A, null)
  expect(await floatip.bind(A, 'u2', 'n1')).toBe(false)
  server.script = () => DONE
  await until(() => floatip.places.leftovers === 0)
  const end = performance.now() + 5_000
  while (!(await floatip.end(A, 'u2')) && performance.now() < end) await Bun.sleep(2)
  expect(server.where.size).toBe(0)
})

test('restart: between assign and Binding the next bind assigns again, and nothing else does', async () => {
  const { server, rows, floatip, again } = await world()
  await floatip.bind(A, 'u1', 'n1')
  await floatip.bind('10.0.0.2', 'u2', 'n1')
  floatip.stop()
  const next = again()
  next.places.start()
  expect(await next.bind(A, 'u1', 'n1')).toBe(true)
  expect(server.calls).toEqual([`assign ${A} n1`, 'assign 10.0.0.2 n1', `assign ${A} n1`])
  expect(rows.leftovers()).toEqual([])
})

test('restart: a row bound before it is unassigned when its pod ends, even after a refused assign', async () => {
  const { server, floatip, again } = await world()
  await floatip.bind(A, 'u1', 'n1')
  floatip.stop()
  server.script = () => REFUSED
  const next = again()
  next.places.start()
  expect(await next.bind(A, 'u1', 'n1')).toBe(false)
  server.script = () => DONE
  expect(await next.end(A, 'u1')).toBe(true)
  expect(server.where.size).toBe(0)
})

test('restart: leftovers on disk are pursued from start, and not before', async () => {
  const { server, rows, floatip, again } = await world()
  await floatip.bind(A, 'u1', 'n1')
  server.script = () => REFUSED
  rows.commit('adopt', A, null)
  await until(() => server.calls.length >= 2)
  floatip.stop()
  await until(() => server.busy === 0)
  server.script = () => DONE
  const before = server.calls.length
  const next = again()
  rows.commit('adopt', '10.0.0.2', { uid: 'u2', node: 'n2' })
  rows.commit('adopt', '10.0.0.2', null)
  await Bun.sleep(30)
  expect([server.calls.length, next.places.leftovers]).toEqual([before, 2])
  next.places.start()
  await until(() => rows.leftovers().length === 0)
  expect(server.where.size).toBe(0)
})

test('R30: the node object gone and enough failures = done, with an Event; not before, and not when nobody can tell', async () => {
  for (const exists of [true, null]) {
    const { server, rows, floatip } = await world(undefined, { nodeExists: () => exists })
    await floatip.bind(A, 'u1', 'n1')
    server.script = () => REFUSED
    rows.commit('adopt', A, null)
    await until(() => server.calls.length > FAILURES_OF_GONE_NODE + 3)
    expect([floatip.gone.length, rows.leftovers().length]).toEqual([0, 1])
  }
  // A call that runs out of time before it reaches the provider would be missed below.
  const { server, rows, floatip } = await world(undefined, { nodeExists: name => name !== 'n1', timeoutMs: 500 })
  await floatip.bind(A, 'u1', 'n1')
  server.script = ({ node }) => (node === 'n1' ? never() : DONE)
  let tries = 0
  while (!(await floatip.end(A, 'u1'))) {
    expect(rows.at(A)).not.toBeNull()
    expect(++tries).toBeLessThan(5_000)
    await Bun.sleep(1)
  }
  expect(server.calls.filter(call => call === `unassign ${A} n1`).length).toBe(FAILURES_OF_GONE_NODE)
  expect(floatip.gone).toEqual([
    {
      address: ip(A),
      node: 'n1',
      failures: FAILURES_OF_GONE_NODE,
      because: expect.stringContaining('DEADLINE_EXCEEDED'),
    },
  ])
  // Nobody waits for the dead machine: the next owner has the address elsewhere.
  expect(await floatip.bind(A, 'u2', 'n2')).toBe(true)
}, 15_000)
