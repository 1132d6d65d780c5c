/** Owns a real address provider on a real port: it answers as it is told to, and remembers what came in which order. */
import { connect, createServer, type Socket, type Server as TcpServer } from 'node:net'
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { type ProviderReply, type ProviderRequest, providerMethods } from '../../src/cloud/proto.ts'
import type { CloudVerb } from '../../src/cloud/provider.ts'
import { type Address, parseAddress } from '../../src/ip/address.ts'
import { present } from '../../src/lib/assert.ts'

export interface Seen {
  readonly verb: CloudVerb
  readonly node: string
  readonly ip: string
}

export type Answer = ProviderReply | Partial<ServiceError>
export type Script = (seen: Seen) => Promise<Answer> | Answer

export const DONE: Answer = { success: true, msg: '' }
/** The work is done, and its answer gets lost. */
export const DONE_BUT_LOST = { code: status.DATA_LOSS, details: 'lost' }
export const never = () => new Promise<Answer>(() => {})

export interface ProviderServer {
  readonly port: number
  readonly target: string
  /** Calls as they came in. */
  readonly calls: readonly string[]
  /** Assigns of an address that was on another node. */
  readonly clashes: readonly string[]
  /** Calls under way. */
  readonly busy: number
  /** Where the provider has each address now. */
  readonly where: ReadonlyMap<string, string>
  /** Most calls under way at once: of one client for one address (what a crash left on the wire may come in beside the next one's), for one node, in all. */
  readonly most: { address: number; node: number; all: number }
  script: Script
  /** Ends at once, connections too. */
  stop(): void
}

interface Incoming {
  readonly request: ProviderRequest
  readonly cancelled: boolean
  getPeer(): string
}

export const text = ({ verb, node, ip }: Seen) => `${verb} ${ip} ${node}`

export async function providerServer(script: Script = () => DONE, port = 0): Promise<ProviderServer> {
  const server = new Server()
  const calls: string[] = []
  const clashes: string[] = []
  const where = new Map<string, string>()
  const most = { address: 0, node: 0, all: 0 }
  const now = new Map<string, number>()
  const add = (key: string, by: number) => {
    const count = (now.get(key) ?? 0) + by
    now.set(key, count)
    return count
  }

  const handle = (verb: CloudVerb) => async (call: Incoming, reply: sendUnaryData<ProviderReply>) => {
    const seen: Seen = { verb, node: call.request.node_name, ip: call.request.IP_address }
    const [address, node, all] = [`a${seen.ip} ${call.getPeer()}`, `n${seen.node}`, 'all'] as const
    calls.push(text(seen))
    most.address = Math.max(most.address, add(address, 1))
    most.node = Math.max(most.node, add(node, 1))
    most.all = Math.max(most.all, add(all, 1))
    const answer = await handler.script(seen)
    for (const key of [address, node, all]) add(key, -1)
    // A provider that keeps to the deadline does nothing for a client that does not wait any more.
    if (call.cancelled) return
    const took = 'success' in answer ? answer.success : answer.code === DONE_BUT_LOST.code
    if (took && verb === 'assign') {
      const at = where.get(seen.ip)
      if (at !== undefined && at !== seen.node) clashes.push(`${text(seen)}, but it is on ${at}`)
      where.set(seen.ip, seen.node)
    }
    if (took && verb === 'unassign' && where.get(seen.ip) === seen.node) where.delete(seen.ip)
    if ('success' in answer) reply(null, answer)
    else reply(answer)
  }

  const handler = { script }
  server.addService(providerMethods() as unknown as ServiceDefinition, {
    AssignIP: handle('assign'),
    UnAssignIP: handle('unassign'),
  })
  const bound = await listen(server, port)
  return {
    port: bound,
    target: `127.0.0.1:${bound}`,
    calls,
    clashes,
    where,
    most,
    get busy() {
      return now.get('all') ?? 0
    },
    get script() {
      return handler.script
    },
    set script(to) {
      handler.script = to
    },
    stop: () => server.forceShutdown(),
  }
}

export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
}

export interface Link {
  readonly target: string
  /** Connections accepted so far. */
  readonly connections: number
  /** From now on nothing passes on the connections that exist; `all`: nor on new ones. */
  freeze(what: 'existing' | 'all'): void
  stop(): void
}

/** A network between client and provider that can go dead without a word. */
export async function link(port: number): Promise<Link> {
  const sockets: Socket[] = []
  let connections = 0
  let dead = false
  const server: TcpServer = createServer(near => {
    connections++
    sockets.push(near)
    near.on('error', () => {})
    if (dead) return
    const far = connect(port, '127.0.0.1')
    sockets.push(far)
    far.on('error', () => near.destroy())
    near.pipe(far).pipe(near)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const at = server.address()
  return {
    target: `127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`,
    get connections() {
      return connections
    },
    freeze(what) {
      dead = what === 'all'
      for (const socket of sockets) {
        socket.unpipe()
        socket.pause()
      }
    },
    stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

export function ip(address: string): Address {
  return present(parseAddress(address), address)
}

/** What a promise was rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it was expected to fail')
}

/** Waits, with a generous bound, for something that must become true. */
export async function until(what: () => boolean, atMostMs = 8_000): Promise<void> {
  const end = performance.now() + atMostMs
  while (!what()) {
    if (performance.now() > end) throw new Error(`never true: ${what}`)
    await Bun.sleep(2)
  }
}
