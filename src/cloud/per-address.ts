/** Owns the order of the calls to the cloud: one after the other for each address, whoever owns it (R30); others side by side. */
import type { Address } from '../ip/address.ts'
import { CloudFault, type CloudProvider, type CloudVerb } from './provider.ts'

/** Calls under way at once: a provider that takes 1 s for a call still gets through 128 binds a second. */
export const CALLS_AT_ONCE = 128
/** Of these for one node: a dead machine, whose every call runs out of time, leaves room for the others. */
export const CALLS_AT_ONCE_PER_NODE = 16
/** Calls of one address that wait or run: a pod that comes and goes makes two; more means that nobody keeps up. */
export const CALLS_PER_ADDRESS = 8

interface Call {
  readonly verb: CloudVerb
  readonly node: string
  readonly address: Address
  readonly promise: Promise<void>
  resolve(): void
  reject(error: unknown): void
}

/**
 * Nothing is reordered and nothing is left out: assign to n1, unassign from n1, assign to n2 reach the provider in this order,
 * so the newest intention is what stands in the end. A call joins the last one of its address if that is the same call and not
 * answered yet: between the two nothing else was wanted.
 */
export function perAddress(provider: CloudProvider): CloudProvider {
  /** By address; the first call is under way or has its turn. */
  const queues = new Map<string, Call[]>()
  /** First calls that are not under way, by node; the node that was served goes to the end. */
  const ready = new Map<string, Call[]>()
  const underWay = new Map<string, number>()
  let running = 0
  let closed = false

  function enqueue(verb: CloudVerb, node: string, address: Address): Promise<void> {
    if (closed) return Promise.reject(new CloudFault(verb, node, address, 'refused', 'floatip is stopping'))
    const queue = queues.get(address.text) ?? []
    const last = queue.at(-1)
    if (last !== undefined && last.verb === verb && last.node === node) return last.promise
    if (queue.length >= CALLS_PER_ADDRESS) {
      const because = `${queue.length} calls for this address are waiting already`
      return Promise.reject(new CloudFault(verb, node, address, 'refused', because))
    }
    const call: Call = { verb, node, address, ...Promise.withResolvers<void>() }
    queue.push(call)
    queues.set(address.text, queue)
    if (queue.length === 1) hasTurn(call)
    pump()
    return call.promise
  }

  function hasTurn(call: Call): void {
    const same = ready.get(call.node)
    if (same === undefined) ready.set(call.node, [call])
    else same.push(call)
  }

  function pump(): void {
    while (running < CALLS_AT_ONCE && !closed) {
      const call = next()
      if (call === null) return
      void run(call)
    }
  }

  function next(): Call | null {
    for (const [node, calls] of ready) {
      if ((underWay.get(node) ?? 0) >= CALLS_AT_ONCE_PER_NODE) continue
      ready.delete(node)
      const call = calls.shift()
      if (calls.length > 0) ready.set(node, calls)
      if (call !== undefined) return call
    }
    return null
  }

  async function run(call: Call): Promise<void> {
    running++
    underWay.set(call.node, (underWay.get(call.node) ?? 0) + 1)
    let failure: { readonly error: unknown } | null = null
    try {
      await provider[call.verb](call.node, call.address)
    } catch (error) {
      failure = { error }
    }
    // Out of the queue first: whoever hears the answer may ask for the same again, and must not join what is over.
    running--
    const left = (underWay.get(call.node) ?? 1) - 1
    if (left > 0) underWay.set(call.node, left)
    else underWay.delete(call.node)
    const queue = queues.get(call.address.text) ?? []
    queue.shift()
    const following = queue[0]
    if (following !== undefined) hasTurn(following)
    else queues.delete(call.address.text)
    if (failure === null) call.resolve()
    else call.reject(failure.error)
    pump()
  }

  return {
    assign: (node, address) => enqueue('assign', node, address),
    unassign: (node, address) => enqueue('unassign', node, address),
    close() {
      closed = true
      const waiting = new Set([...ready.values()].flat())
      for (const queue of queues.values()) {
        const unsent = queue.filter((call, at) => at > 0 || waiting.has(call))
        queue.splice(queue.length - unsent.length)
        for (const { verb, node, address, reject } of unsent) {
          reject(new CloudFault(verb, node, address, 'refused', 'floatip is stopping'))
        }
      }
      ready.clear()
      provider.close()
    },
  }
}
