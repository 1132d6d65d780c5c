/** Owns the measuring of calls to the address provider: how long each took and how it ended. */
import type { Address } from '../ip/address.ts'
import { CloudFault, type CloudOutcome, type CloudProvider, type CloudVerb } from './provider.ts'

export interface MeasuredCloudCall {
  readonly verb: CloudVerb
  readonly outcome: 'done' | CloudOutcome
  readonly ms: number
}

/** The same provider; what waits for its turn is not measured, only the call itself. */
export function measuredProvider(provider: CloudProvider, onCall: (call: MeasuredCloudCall) => void): CloudProvider {
  async function call(verb: CloudVerb, node: string, address: Address): Promise<void> {
    const began = performance.now()
    const ended = (outcome: MeasuredCloudCall['outcome']) => onCall({ verb, outcome, ms: performance.now() - began })
    try {
      await provider[verb](node, address)
    } catch (error) {
      ended(error instanceof CloudFault ? error.outcome : 'unknown')
      throw error
    }
    ended('done')
  }
  return {
    assign: (node, address) => call('assign', node, address),
    unassign: (node, address) => call('unassign', node, address),
    close: () => provider.close(),
  }
}
