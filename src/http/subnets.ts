/** Owns the routes of the address space: what each entry has left, and the configuration in force. */
import { type Static, Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { ConfigurationInForce } from '../app/configuration.ts'
import type { Ports } from '../app/ports.ts'
import { type SubnetAccount, subnetAccounts } from '../app/subnets.ts'
import type { SubnetEntry } from '../domain/entry.ts'
import { rangeText } from '../ip/range.ts'
import { decodePage, encodePage, PageQuery, pageOf } from './answers.ts'

export const networkFields = {
  subnet: Type.String({ description: 'The pod network.', examples: ['10.0.0.0/24'] }),
  gateway: Type.String({ examples: ['10.0.0.1'] }),
  vlan: Type.Integer(),
  nodeSubnets: Type.Array(Type.String(), { description: 'Networks of the nodes on which the addresses are usable.' }),
}
const ips = Type.Array(Type.String(), { description: 'Its ranges, a~b or a single address.' })
const NETWORK = { subnet: '10.0.0.0/24', gateway: '10.0.0.1', vlan: 0, nodeSubnets: ['10.49.0.0/24'] }

const Run = Type.Object({
  first: Type.Optional(Type.String()),
  last: Type.Optional(Type.String()),
  length: Type.Integer({ description: '0: none is free.' }),
})

const Subnet = Type.Object({
  ...networkFields,
  ips,
  total: Type.Integer({ description: 'used + reserved + held + resting + free.' }),
  used: Type.Integer({ description: 'Bound to pods.' }),
  reserved: Type.Integer({ description: 'Kept without a running pod.' }),
  held: Type.Integer({ description: 'Taken in filter, not bound yet.' }),
  resting: Type.Integer({ description: 'A container may still use them: free for others after --rest.' }),
  orphaned: Type.Integer({ description: 'In the pod network and no longer in ips; not part of total.' }),
  free: Type.Integer(),
  largestFreeRun: Run,
})

const SUBNET: Static<typeof Subnet> = {
  ...NETWORK,
  ips: ['10.0.0.2~10.0.0.200'],
  total: 199,
  used: 120,
  reserved: 12,
  held: 1,
  resting: 0,
  orphaned: 0,
  free: 66,
  largestFreeRun: { first: '10.0.0.135', last: '10.0.0.200', length: 66 },
}

const Subnets = pageOf(Subnet, {
  description: 'One page of the entries, in the order of the configuration.',
  examples: [encodePage(1, [SUBNET], { size: 10, offset: 0 })],
})

const Config = Type.Object(
  {
    source: Type.String({ description: 'Where it comes from.' }),
    since: Type.Optional(Type.String({ description: 'In force since then; missing: nothing is yet. RFC 3339.' })),
    entries: Type.Integer(),
    addresses: Type.Integer(),
    warnings: Type.Array(Type.String(), { description: 'What a person should look at.' }),
    floatingips: Type.Array(Type.Object({ ...networkFields, ips })),
    rejected: Type.Optional(
      Type.Object(
        { at: Type.String(), because: Type.String() },
        { description: 'The newest value, which was refused.' },
      ),
    ),
  },
  {
    description: 'The configuration in force, and the last value that was refused and not mended since.',
    examples: [
      {
        source: 'ConfigMap kube-system/floatingip-config, key floatingips',
        since: '2026-05-29T11:00:00.000Z',
        entries: 1,
        addresses: 199,
        warnings: [],
        floatingips: [{ ...NETWORK, ips: ['10.0.0.2~10.0.0.200'] }],
      },
    ],
  },
)

export interface SubnetRouteParts extends Pick<Ports, 'ledger'> {
  readonly configuration: Pick<ConfigurationInForce, 'status' | 'where'>
}

export function subnetRoutes({ ledger, configuration }: SubnetRouteParts) {
  return new Elysia({ name: 'subnets' })
    .get(
      '/v1/subnets',
      ({ query }) => {
        const asked = decodePage(query)
        const { total, accounts } = subnetAccounts({ ledger }, asked.offset, asked.size)
        return encodePage(total, accounts.map(encodeAccount), asked)
      },
      {
        query: Type.Object(PageQuery),
        response: { 200: Subnets },
        detail: {
          tags: ['subnets'],
          summary: 'List subnet entries',
          description: 'How many addresses of each are used, kept, held and free, and the longest row of free ones.',
        },
      },
    )
    .get(
      '/v1/config',
      () => {
        const { since, entries, addresses, warnings, rejected } = configuration.status
        return {
          source: configuration.where,
          ...(since !== null && { since }),
          entries,
          addresses,
          warnings: [...warnings],
          floatingips: ledger.read(({ geometry }) => geometry.entries.map(encodeEntry)),
          ...(rejected !== null && { rejected }),
        }
      },
      {
        response: { 200: Config },
        detail: {
          tags: ['subnets'],
          summary: 'Show the configuration',
          description: 'What is in force and since when; and why the newest value is not, if it was refused.',
        },
      },
    )
}

export function encodeNetwork({ subnet, gateway, vlan, nodeSubnets }: SubnetEntry) {
  return { subnet: subnet.text, gateway: gateway.text, vlan, nodeSubnets: nodeSubnets.map(({ text }) => text) }
}

function encodeEntry(entry: SubnetEntry) {
  const ips = entry.ranges.map(rangeText)
  return { ...encodeNetwork(entry), ips }
}

function encodeAccount({ entry, bound, reserved, held, resting, orphaned, free, largestFreeRun: run }: SubnetAccount) {
  const largestFreeRun =
    run === null ? { length: 0 } : { first: run.first.text, last: run.last.text, length: run.length }
  return {
    ...encodeEntry(entry),
    total: entry.size,
    used: bound,
    reserved,
    held,
    resting,
    orphaned,
    free,
    largestFreeRun,
  }
}
