/** Owns the port to the address provider of a cloud: which node the network sends an address to. */
import type { Address } from '../ip/address.ts'
import { Fault } from '../lib/fault.ts'

export type CloudVerb = 'assign' | 'unassign'

/** Where none is configured the provider is null, and its callers have a branch for that. */
export interface CloudProvider {
  /** Resolves when the cloud sends the address to this node; again for the same node is no error. Throws a CloudFault. */
  assign(node: string, address: Address): Promise<void>
  /** Resolves when the cloud sends the address to this node no more; again is no error. Throws a CloudFault. */
  unassign(node: string, address: Address): Promise<void>
  /** What is under way ends as unknown; nothing is sent after. */
  close(): void
}

/** refused: it did not take place, by the provider's word or because it was never sent. unknown: nobody can tell. */
export type CloudOutcome = 'refused' | 'unknown'

/** A call that did not succeed, with all that a person needs in its message. */
export class CloudFault extends Fault {
  override readonly name = 'CloudFault'
  readonly verb: CloudVerb
  readonly node: string
  readonly address: Address
  readonly outcome: CloudOutcome

  constructor(verb: CloudVerb, node: string, address: Address, outcome: CloudOutcome, because: string) {
    super(`${describe(verb, node, address, outcome)}: ${because}`, { retryable: true })
    this.verb = verb
    this.node = node
    this.address = address
    this.outcome = outcome
  }
}

function describe(verb: CloudVerb, node: string, address: Address, outcome: CloudOutcome): string {
  const what =
    verb === 'assign' ? `assign ${address.text} to node ${node}` : `unassign ${address.text} from node ${node}`
  return outcome === 'refused'
    ? `the cloud provider did not ${what}`
    : `nobody knows whether the cloud provider did ${what}`
}
