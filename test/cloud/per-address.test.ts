/** Owns the proof of R30's order: serial for each address, side by side for all others, bounded everywhere. */
import { afterEach, expect, test } from 'bun:test'
import fc from 'fast-check'
import { grpcProvider } from '../../src/cloud/grpc.ts'
import { CALLS_AT_ONCE, CALLS_AT_ONCE_PER_NODE, CALLS_PER_ADDRESS, perAddress } from '../../src/cloud/per-address.ts'
import { CloudFault, type CloudProvider } from '../../src/cloud/provider.ts'
import {
  DONE,
  failureOf,
  ip,
  never,
  type ProviderServer,
  providerServer,
  type Script,
  until,
} from './provider-server.ts'

const open: { stop(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.stop()
})

async function opened(script?: Script): Promise<{ server: ProviderServer; cloud: CloudProvider }> {
  const server = await providerServer(script)
  const cloud = perAddress(grpcProvider({ target: server.target, timeoutMs: 5_000 }))
  open.push({ stop: () => cloud.close() }, server)
  return { server, cloud }
}

test('R30: the calls of an address arrive one by one, in the order in which they were asked for', async () => {
  const call = fc.record({
    verb: fc.constantFrom('assign' as const, 'unassign' as const),
    node: fc.constantFrom('n1', 'n2', 'n3'),
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'),
    serverMs: fc.constantFrom(0, 0, 1, 3),
    thenMs: fc.constantFrom(0, 0, 0, 1, 2),
    fails: fc.boolean(),
  })
  const delays: { serverMs: number; fails: boolean }[] = []
  const { server, cloud } = await opened(async () => {
    const { serverMs, fails } = delays.shift() ?? { serverMs: 0, fails: false }
    await Bun.sleep(serverMs)
    return { success: !fails, msg: 'no' }
  })
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 24 }), async asked => {
      const from = server.calls.length
      const sent = new Map<string, string[]>()
      const answers: Promise<unknown>[] = []
      const promises = new Set<Promise<void>>()
      const lastOf = new Map<string, string>()
      for (const { verb, node, ip: of, serverMs, thenMs, fails } of asked) {
        const promise = cloud[verb](node, ip(of))
        answers.push(promise.catch((error: unknown) => error))
        // One promise for two askers: the call was joined. Too many: it was not taken.
        const taken = !promises.has(promise) && Bun.peek.status(promise) !== 'rejected'
        if (promises.has(promise)) expect(lastOf.get(of)).toBe(`${verb} ${node}`)
        promises.add(promise)
        lastOf.set(of, `${verb} ${node}`)
        if (taken) {
          sent.set(of, [...(sent.get(of) ?? []), `${verb} ${of} ${node}`])
          delays.push({ serverMs, fails })
        }
        if (thenMs > 0) await Bun.sleep(thenMs)
      }
      await Promise.all(answers)
      const came = server.calls.slice(from)
      for (const [of, wanted] of sent) expect(came.filter(each => each.split(' ')[1] === of)).toEqual(wanted)
      expect(came.length).toBe([...sent.values()].flat().length)
      expect(server.most.address).toBeLessThanOrEqual(1)
    }),
    { numRuns: 60 },
  )
}, 15_000)

test('what was wanted last is what stands in the end', async () => {
  const { server, cloud } = await opened(async ({ verb }) => {
    await Bun.sleep(verb === 'assign' ? 20 : 1)
    return DONE
  })
  const address = ip('10.0.0.1')
  await Promise.all([cloud.assign('n1', address), cloud.unassign('n1', address), cloud.assign('n2', address)])
  expect(server.calls).toEqual(['assign 10.0.0.1 n1', 'unassign 10.0.0.1 n1', 'assign 10.0.0.1 n2'])
  expect(server.where.get('10.0.0.1')).toBe('n2')
  expect(server.clashes).toEqual([])
})

test('a failed call does not stop those behind it', async () => {
  const { server, cloud } = await opened(({ verb }) => ({ success: verb === 'assign', msg: 'not now' }))
  const address = ip('10.0.0.1')
  const unassign = failureOf(cloud.unassign('n1', address))
  const assign = cloud.assign('n2', address)
  expect(await unassign).toBeInstanceOf(CloudFault)
  await assign
  expect(server.calls.length).toBe(2)
})

test('only the same call, directly behind, is joined; one that was answered is not', async () => {
  const { server, cloud } = await opened(async () => {
    await Bun.sleep(10)
    return DONE
  })
  const address = ip('10.0.0.1')
  const first = cloud.assign('n1', address)
  expect(cloud.assign('n1', address)).toBe(first)
  const others = [cloud.unassign('n1', address), cloud.assign('n1', address)]
  await Promise.all([first, ...others])
  // The answer's very first listener asks again: the call that is over must not answer for it.
  await cloud.assign('n1', address).then(() => cloud.assign('n1', address))
  expect(server.calls.map(call => call.split(' ')[0])).toEqual(['assign', 'unassign', 'assign', 'assign', 'assign'])
})

test('other addresses are not held up by a slow one, nor by a dead node with more calls than it may have', async () => {
  const { server, cloud } = await opened(({ node }) => (node === 'dead' ? never() : DONE))
  const stuck = Array.from({ length: 300 }, (_, at) =>
    failureOf(cloud.unassign('dead', ip(`10.1.${at >> 8}.${at & 255}`))),
  )
  const others = Array.from({ length: 200 }, (_, at) => cloud.assign(`n${at % 7}`, ip(`10.2.0.${at}`)))
  await Promise.all(others)
  expect(server.calls.filter(call => call.endsWith(' dead')).length).toBe(CALLS_AT_ONCE_PER_NODE)
  cloud.close()
  const ends = await Promise.all(stuck)
  const refused = ends.filter(end => end instanceof CloudFault && end.outcome === 'refused').length
  expect(refused).toBe(300 - CALLS_AT_ONCE_PER_NODE)
})

test('calls under way are bounded, in all and for a node', async () => {
  const { server, cloud } = await opened(async () => {
    await Bun.sleep(5)
    return DONE
  })
  const calls = Array.from({ length: 900 }, (_, at) => cloud.assign(`n${at % 30}`, ip(`10.${at >> 8}.1.${at & 255}`)))
  await Promise.all(calls)
  expect(server.most.all).toBeLessThanOrEqual(CALLS_AT_ONCE)
  expect(server.most.all).toBeGreaterThan(CALLS_AT_ONCE_PER_NODE)
  expect(server.most.node).toBeLessThanOrEqual(CALLS_AT_ONCE_PER_NODE)
  expect(server.calls.length).toBe(900)
})

test('the queue of an address is bounded, and says so', async () => {
  const gate = Promise.withResolvers<void>()
  const { server, cloud } = await opened(() => gate.promise.then(() => DONE))
  const address = ip('10.0.0.1')
  const taken = Array.from({ length: CALLS_PER_ADDRESS }, (_, at) => cloud.assign(`n${at}`, address))
  const error = (await failureOf(cloud.assign('one too many', address))) as CloudFault
  expect(error.outcome).toBe('refused')
  expect(error.message).toEndWith('calls for this address are waiting already')
  gate.resolve()
  await Promise.all(taken)
  expect(server.calls.length).toBe(CALLS_PER_ADDRESS)
})

test('close: what was not sent is refused, what was sent is unknown', async () => {
  const { server, cloud } = await opened(never)
  const address = ip('10.0.0.1')
  const ends = [cloud.assign('n1', address), cloud.unassign('n1', address)].map(failureOf)
  await until(() => server.calls.length === 1)
  cloud.close()
  const outcomes = (await Promise.all(ends)).map(end => (end as CloudFault).outcome)
  expect(outcomes).toEqual(['unknown', 'refused'])
  expect(((await failureOf(cloud.assign('n1', address))) as CloudFault).outcome).toBe('refused')
})
