/** Owns the proof of one call to the provider: what is on the wire, and what is known when it ends. */
import { afterEach, expect, test } from 'bun:test'
import { Server, type ServiceDefinition, status } from '@grpc/grpc-js'
import { type GrpcProviderParts, grpcProvider } from '../../src/cloud/grpc.ts'
import { measuredProvider } from '../../src/cloud/measured.ts'
import { CloudFault, type CloudProvider } from '../../src/cloud/provider.ts'
import {
  DONE,
  failureOf,
  ip,
  type Link,
  link,
  listen,
  never,
  type ProviderServer,
  providerServer,
} from './provider-server.ts'

const open: { stop(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.stop()
})

function opened<T extends { stop(): void }>(what: T): T {
  open.push(what)
  return what
}

async function server(...args: Parameters<typeof providerServer>): Promise<ProviderServer> {
  return opened(await providerServer(...args))
}

async function network(port: number): Promise<Link> {
  return opened(await link(port))
}

function provider(parts: GrpcProviderParts): CloudProvider {
  const made = grpcProvider({ timeoutMs: 5_000, ...parts })
  opened({ stop: () => made.close() })
  return made
}

async function fault(promise: Promise<unknown>): Promise<CloudFault> {
  const error = await failureOf(promise)
  if (error instanceof CloudFault) return error
  throw error
}

test('node and address arrive, IPv6 too', async () => {
  const { target, calls } = await server()
  const cloud = provider({ target })
  await cloud.assign('node-1', ip('10.0.0.7'))
  await cloud.unassign('node-1', ip('2001:db8::7'))
  expect(calls).toEqual(['assign 10.0.0.7 node-1', 'unassign 2001:db8::7 node-1'])
})

test('the bytes on the wire are those of galaxy’s proto, on its paths', async () => {
  const raw = new Server()
  const seen: string[] = []
  const bytes = (b: Buffer) => b
  const method = (path: string) => ({
    path,
    ...{ requestStream: false, responseStream: false },
    ...{ requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes },
  })
  const service: ServiceDefinition = {
    A: method('/rpc.IPProviderService/AssignIP'),
    U: method('/rpc.IPProviderService/UnAssignIP'),
  }
  const answering =
    (name: string, reply: string) =>
    ({ request }: { request: Buffer }, answer: (error: null, reply: Buffer) => void) => {
      seen.push(`${name} ${request.toString('hex')}`)
      answer(null, Buffer.from(reply, 'hex'))
    }
  // success=true; and success left out (false), msg="no"
  raw.addService(service, { A: answering('A', '0801'), U: answering('U', '12026e6f') })
  const port = await listen(raw, 0)
  opened({ stop: () => raw.forceShutdown() })
  const cloud = provider({ target: `127.0.0.1:${port}` })
  await cloud.assign('n1', ip('10.0.0.7'))
  expect((await fault(cloud.unassign('n1', ip('10.0.0.7')))).message).toEndWith(': no')
  const request = '0a026e31120831302e302e302e37'
  expect(seen).toEqual([`A ${request}`, `U ${request}`])
})

test('a refusal names address, node and the provider’s words', async () => {
  const { target } = await server(() => ({ success: false, msg: 'quota of node-1 is used up' }))
  const cloud = provider({ target })
  const assigned = await fault(cloud.assign('node-1', ip('10.0.0.7')))
  expect(assigned.outcome).toBe('refused')
  expect(assigned.message).toBe('the cloud provider did not assign 10.0.0.7 to node node-1: quota of node-1 is used up')
  const unassigned = await fault(cloud.unassign('node-1', ip('10.0.0.7')))
  expect(unassigned.message).toBe(
    'the cloud provider did not unassign 10.0.0.7 from node node-1: quota of node-1 is used up',
  )
  expect(unassigned.retryable).toBe(true)
})

test('a refusal without words, and one with far too many', async () => {
  const { target } = await server(({ verb }) => ({ success: false, msg: verb === 'assign' ? '' : 'x'.repeat(10_000) }))
  const cloud = provider({ target })
  expect((await fault(cloud.assign('n', ip('10.0.0.7')))).message).toEndWith('it gave no reason')
  expect((await fault(cloud.unassign('n', ip('10.0.0.7')))).message.length).toBeLessThan(700)
})

test('a status is a refusal only when the server says that it did nothing', async () => {
  const expected: [status, string][] = [
    [status.INVALID_ARGUMENT, 'refused'],
    [status.NOT_FOUND, 'refused'],
    [status.UNIMPLEMENTED, 'refused'],
    [status.INTERNAL, 'unknown'],
    [status.UNKNOWN, 'unknown'],
    [status.UNAVAILABLE, 'unknown'],
    [status.ABORTED, 'unknown'],
    [status.RESOURCE_EXHAUSTED, 'unknown'],
  ]
  const it = await server()
  const cloud = provider({ target: it.target })
  for (const [code, outcome] of expected) {
    it.script = () => ({ code, details: 'because' })
    const failed = await fault(cloud.assign('n', ip('10.0.0.7')))
    expect([code, failed.outcome]).toEqual([code, outcome as CloudFault['outcome']])
    expect(failed.message).toEndWith(`${status[code]}: because`)
  }
})

test('R30: a time-out is not a success and not a refusal', async () => {
  const it = await server(never)
  const outcomes: string[] = []
  const cloud = measuredProvider(provider({ target: it.target, timeoutMs: 200 }), call =>
    outcomes.push(`${call.verb} ${call.outcome}`),
  )
  const failed = await fault(cloud.assign('n', ip('10.0.0.7')))
  expect(failed.outcome).toBe('unknown')
  expect(failed.message).toContain('DEADLINE_EXCEEDED')
  it.script = () => DONE
  await cloud.assign('n', ip('10.0.0.7'))
  expect(outcomes).toEqual(['assign unknown', 'assign done'])
})

test('a time-out of one call leaves the others on its connection alone', async () => {
  const gate = Promise.withResolvers<void>()
  const { target } = await server(async ({ ip: of }) => (of === '10.0.0.1' ? never() : gate.promise.then(() => DONE)))
  const cloud = provider({ target, timeoutMs: 1_000 })
  const slow = failureOf(cloud.assign('n', ip('10.0.0.1')))
  await Bun.sleep(400)
  const other = cloud.assign('n', ip('10.0.0.2'))
  await slow
  gate.resolve()
  await other
})

test('a frozen server, which accepts and never answers, ends a call as unknown', async () => {
  const { port } = await server()
  const dead = await network(port)
  dead.freeze('all')
  const cloud = provider({ target: dead.target, timeoutMs: 300 })
  expect((await fault(cloud.unassign('n', ip('10.0.0.7')))).outcome).toBe('unknown')
})

test('keepalive: a peer frozen in the middle of a call is noticed long before the call’s time is up', async () => {
  const it = await server()
  const wire = await network(it.port)
  const cloud = provider({ target: wire.target, timeoutMs: 60_000, keepaliveMs: 200, keepaliveTimeoutMs: 200 })
  await cloud.assign('n', ip('10.0.0.7'))
  it.script = never
  const call = fault(cloud.unassign('n', ip('10.0.0.7')))
  await Bun.sleep(50)
  wire.freeze('existing')
  expect((await call).outcome).toBe('unknown') // the test's own limit is 5 s
  it.script = () => DONE
  await cloud.unassign('n', ip('10.0.0.7'))
  expect(wire.connections).toBe(2)
}, 10_000)

test('a call that ran out of time on a frozen connection is followed by one on a new connection', async () => {
  const it = await server()
  const wire = await network(it.port)
  const cloud = provider({ target: wire.target, timeoutMs: 400 })
  await cloud.assign('n', ip('10.0.0.7'))
  wire.freeze('existing')
  const first = fault(cloud.unassign('n', ip('10.0.0.7')))
  await Bun.sleep(200)
  const later = fault(cloud.unassign('n', ip('10.0.0.8')))
  expect((await first).outcome).toBe('unknown')
  await cloud.unassign('n', ip('10.0.0.7')) // although a call still waits on the old one
  expect(wire.connections).toBe(2)
  expect(it.calls.at(-1)).toBe('unassign 10.0.0.7 n')
  expect((await later).outcome).toBe('unknown')
})

test('a server that restarts is found again', async () => {
  const first = await server()
  const cloud = provider({ target: first.target })
  await cloud.assign('n', ip('10.0.0.7'))
  first.stop()
  expect((await fault(cloud.unassign('n', ip('10.0.0.7')))).outcome).toBe('unknown')
  const second = await server(() => DONE, first.port)
  const end = performance.now() + 8_000
  for (;;) {
    const error = await cloud.unassign('n', ip('10.0.0.7')).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    if (error === null) break
    if (performance.now() > end) throw error
    await Bun.sleep(50)
  }
  expect(second.calls).toEqual(['unassign 10.0.0.7 n'])
}, 10_000)

test('close ends what is under way as unknown, and sends nothing after', async () => {
  const it = await server(never)
  const cloud = provider({ target: it.target })
  const call = fault(cloud.assign('n', ip('10.0.0.7')))
  await Bun.sleep(50)
  cloud.close()
  expect((await call).outcome).toBe('unknown')
  expect((await fault(cloud.assign('n', ip('10.0.0.8')))).outcome).toBe('refused')
})
