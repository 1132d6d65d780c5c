/** Owns the gRPC client of the address provider: one call is one request with a time limit, and its end says what is known. */
import {
  type ClientOptions,
  type ClientUnaryCall,
  credentials,
  Client as GrpcClient,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import type { Address } from '../ip/address.ts'
import { type ProviderReply, providerMethods } from './proto.ts'
import { CloudFault, type CloudOutcome, type CloudProvider, type CloudVerb } from './provider.ts'

/** galaxy's limits. */
const TIMEOUT_MS = 60_000
const KEEPALIVE_MS = 120_000
/** A living peer answers a ping in a round trip. */
const KEEPALIVE_TIMEOUT_MS = 20_000
/** A provider that is back is found within seconds; gRPC's own default is two minutes. */
const RECONNECT_FIRST_MS = 250
const RECONNECT_MOST_MS = 5_000
/** The provider's words go into events and the scheduler's answer: enough for a sentence or two. */
const MESSAGE_MAX = 500

/** Statuses by which a server says that it did nothing. All others can come after the work was done. */
const REFUSALS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
])

export interface GrpcProviderParts {
  /** `host:port`, as galaxy's cloudProviderGrpcAddr. */
  readonly target: string
  readonly timeoutMs?: number
  readonly keepaliveMs?: number
  readonly keepaliveTimeoutMs?: number
}

export function grpcProvider(parts: GrpcProviderParts): CloudProvider {
  const { target, timeoutMs = TIMEOUT_MS } = parts
  const service = providerMethods()
  const methods = { assign: service.AssignIP, unassign: service.UnAssignIP }
  const options = channelOptions(parts)
  const running = new Set<ClientUnaryCall>()
  let client = connect()
  let closed = false

  function connect(): GrpcClient {
    return new GrpcClient(target, credentials.createInsecure(), options)
  }

  /** A peer that let a call run out of time may be frozen or gone behind its address: the next call gets a connection of its own. */
  function suspect(used: GrpcClient): void {
    if (closed || used !== client) return
    client = connect()
    used.close() // what is under way on it goes on
  }

  function call(verb: CloudVerb, node: string, address: Address): Promise<void> {
    if (closed) return Promise.reject(new CloudFault(verb, node, address, 'refused', 'floatip is stopping'))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const { path, requestSerialize, responseDeserialize } = methods[verb]
    const used = client

    function end(error: ServiceError | null, reply: ProviderReply | undefined): void {
      running.delete(sent)
      if (error?.code === status.DEADLINE_EXCEEDED) suspect(used)
      const failure = failureOf(error, reply)
      if (failure === null) resolve()
      else reject(new CloudFault(verb, node, address, failure.outcome, failure.because))
    }

    const sent = used.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { node_name: node, IP_address: address.text },
      new Metadata(),
      { deadline: Date.now() + timeoutMs },
      end,
    )
    running.add(sent)
    return promise
  }

  return {
    assign: (node, address) => call('assign', node, address),
    unassign: (node, address) => call('unassign', node, address),
    close() {
      closed = true
      for (const each of running) each.cancel()
      client.close()
    },
  }
}

function channelOptions({ keepaliveMs, keepaliveTimeoutMs }: GrpcProviderParts): ClientOptions {
  return {
    // Only while calls are under way: servers with gRPC's default policy take pings without calls for abuse.
    'grpc.keepalive_time_ms': keepaliveMs ?? KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs ?? KEEPALIVE_TIMEOUT_MS,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_FIRST_MS,
    'grpc.min_reconnect_backoff_ms': RECONNECT_FIRST_MS,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MOST_MS,
    // A new client must not be handed the connection that the old one had.
    'grpc.use_local_subchannel_pool': 1,
    // No TXT look-ups: closed networks let them run into time-outs.
    'grpc.service_config_disable_resolution': 1,
  }
}

/** Null: the provider says that it is done. */
function failureOf(
  error: ServiceError | null,
  reply: ProviderReply | undefined,
): { readonly outcome: CloudOutcome; readonly because: string } | null {
  if (error !== null) {
    const because = shortened(error.details === '' ? error.message : error.details)
    return { outcome: REFUSALS.has(error.code) ? 'refused' : 'unknown', because: `${status[error.code]}: ${because}` }
  }
  if (reply?.success === true) return null
  return { outcome: 'refused', because: shortened(reply?.msg || 'it gave no reason') }
}

function shortened(text: string): string {
  return text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX)}…` : text
}
