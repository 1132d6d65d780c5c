/** Owns the API's answers as the commands read them (docs/reference/api.md). */

export interface OwnerFields {
  readonly namespace?: string
  readonly appName?: string
  readonly podName?: string
  readonly poolName?: string
  readonly appType?: string
}

export interface IpItem extends OwnerFields {
  readonly ip: string
  readonly policy?: number
  /** Missing: free. */
  readonly updateTime?: string
  readonly status?: string
  readonly releasable?: boolean
  readonly resting?: boolean
}

export interface IpDetail extends OwnerFields {
  readonly ip: string
  readonly state: 'free' | 'held' | 'bound' | 'reserved' | 'resting'
  readonly orphaned?: boolean
  readonly blocked?: boolean
  readonly subnet?: string
  readonly gateway?: string
  readonly vlan?: number
  readonly nodeSubnets?: readonly string[]
  readonly key?: string
  readonly policyName?: string
  readonly podUid?: string
  readonly node?: string
  readonly status?: string
  readonly releasable?: boolean
  readonly since?: string
  readonly because?: string
  readonly actor?: string
  readonly freedBy?: string
  readonly freedAt?: string
}

export interface HistoryItem {
  readonly id: number
  readonly at: string
  readonly ip: string
  readonly verb: string
  readonly actor: string
  readonly because: string
  readonly before?: OwnerFields & { readonly key: string }
  readonly after?: OwnerFields & { readonly key: string }
  readonly state?: string
  readonly podUid?: string
  readonly node?: string
}

export interface SubnetItem {
  readonly subnet: string
  readonly gateway: string
  readonly vlan: number
  readonly nodeSubnets: readonly string[]
  readonly ips: readonly string[]
  readonly total: number
  readonly used: number
  readonly reserved: number
  readonly held: number
  readonly resting: number
  readonly orphaned: number
  readonly free: number
  readonly largestFreeRun: { readonly first?: string; readonly last?: string; readonly length: number }
}

export interface Outcome {
  readonly code: number
  readonly message: string
}
