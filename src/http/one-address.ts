/** Owns the route of one address in full. */
import { type Static, Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { AskAddress, OneAddress } from '../app/one-address.ts'
import { ownerKey } from '../domain/owner.ts'
import { policyName } from '../domain/policy.ts'
import { readAddress } from './address-wire.ts'
import { failure, failures, ownerFields, timeText } from './answers.ts'
import { encodeOwner } from './owner-wire.ts'
import { encodeNetwork, networkFields } from './subnets.ts'

const { subnet, gateway, vlan, nodeSubnets } = networkFields

const One = Type.Object(
  {
    ip: Type.String({ description: 'The address.' }),
    state: Type.String({ description: 'free, held, bound, reserved or resting.' }),
    orphaned: Type.Boolean({ description: 'It left the configuration while somebody had it.' }),
    blocked: Type.Boolean({ description: 'An administrator keeps it out of circulation.' }),
    subnet: Type.Optional(subnet),
    gateway: Type.Optional(gateway),
    vlan: Type.Optional(vlan),
    nodeSubnets: Type.Optional(nodeSubnets),
    key: Type.Optional(Type.String({ description: 'The owner key, as FloatingIP objects have it.' })),
    ...ownerFields,
    policy: Type.Optional(Type.Integer({ description: '0 released with its pod, 1 immutable, 2 never.' })),
    policyName: Type.Optional(Type.String()),
    podUid: Type.Optional(Type.String()),
    node: Type.Optional(Type.String()),
    status: Type.Optional(Type.String({ description: 'The pod’s phase, Deleted, or Unknown.' })),
    releasable: Type.Optional(Type.Boolean({ description: 'True only when no pod holds the address.' })),
    since: Type.Optional(Type.String({ description: 'Since when it is so for this owner; RFC 3339.' })),
    updateTime: Type.Optional(Type.String({ description: 'Of the last change; RFC 3339.' })),
    verb: Type.Optional(Type.String({ description: 'What the last change was.' })),
    actor: Type.Optional(Type.String({ description: 'Who caused it: scheduler, cluster, person or floatip.' })),
    because: Type.Optional(Type.String({ description: 'Why.' })),
    freedBy: Type.Optional(Type.String({ description: 'What would free it.' })),
    freedAt: Type.Optional(Type.String({ description: 'When time alone frees it; RFC 3339.' })),
  },
  {
    description: 'The address.',
    examples: [
      {
        ip: '10.0.0.112',
        state: 'bound',
        orphaned: false,
        blocked: false,
        subnet: '10.0.0.0/24',
        gateway: '10.0.0.1',
        vlan: 0,
        nodeSubnets: ['10.49.0.0/24'],
        key: 'sts_default_web_web-0',
        namespace: 'default',
        appName: 'web',
        podName: 'web-0',
        appType: 'statefulset',
        policy: 2,
        policyName: 'never',
        podUid: '6b3f4f8a-0a3b-4a55-8d35-6f3c1f0f2a11',
        node: 'node-7',
        status: 'Running',
        releasable: false,
        since: '2026-05-29T11:11:44.633Z',
        updateTime: '2026-05-29T11:11:44.633Z',
        verb: 'bind',
        actor: 'scheduler',
        because: 'bound to node-7',
        freedBy: 'only a release (POST /v1/ip)',
      },
    ],
  },
)

export interface OneAddressRouteParts {
  readonly askAddress: AskAddress
}

export function oneAddressRoutes({ askAddress }: OneAddressRouteParts) {
  return new Elysia({ name: 'one-address' }).get(
    '/v1/ip/:address',
    async ({ params, status }) => {
      const address = readAddress(params.address, 'address')
      const found = await askAddress(address)
      return found === null
        ? status(404, failure(404, `${address.text} is neither configured nor allocated`))
        : encodeOne(found)
    },
    {
      params: Type.Object({ address: Type.String({ description: 'The address.', examples: ['10.0.0.112'] }) }),
      response: { 200: One, ...failures(400, 404, 503) },
      detail: {
        tags: ['addresses'],
        summary: 'Show an address',
        description: 'Whose it is, since when, why, and when and by what it would be freed.',
      },
    },
  )
}

function encodeOne({ address, entry, listed, story, freed }: OneAddress): Static<typeof One> {
  const row = listed?.row ?? null
  return {
    ip: address.text,
    state: row?.phase ?? 'free',
    orphaned: entry === null,
    blocked: row?.blocked ?? false,
    ...(entry !== null && encodeNetwork(entry)),
    ...(listed !== null &&
      row !== null && {
        key: ownerKey(row.owner),
        ...encodeOwner(row.owner),
        policy: row.policy,
        policyName: policyName(row.policy),
        ...(row.incarnation !== null && { podUid: row.incarnation }),
        ...(row.node !== null && { node: row.node }),
        ...(listed.status !== '' && { status: listed.status }),
        releasable: listed.releasable,
        updateTime: timeText(row.updatedAt),
      }),
    ...(story !== null && {
      since: timeText(story.since),
      verb: story.last.verb,
      actor: story.last.actor,
      because: story.last.because,
    }),
    ...(freed !== null && { freedBy: freed.by, ...(freed.at !== null && { freedAt: timeText(freed.at) }) }),
  }
}
