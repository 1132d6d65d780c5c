/** Owns reservations as the API reads and writes them. */
import { type Static, Type } from '@sinclair/typebox'
import type { ReservationRequest, Reserved } from '../app/reservations.ts'
import {
  DEPLOYMENT,
  isObjectName,
  NO_CONTROLLER,
  type Owner,
  ownerKey,
  poolOwner,
  STATEFUL_SET,
} from '../domain/owner.ts'
import { type Address, address } from '../ip/address.ts'
import { parseRange, RANGE_FORMS, type Range, rangeSet, setSize } from '../ip/range.ts'
import { ownerFields, timeText } from './answers.ts'
import { BadRequest } from './json.ts'
import { encodeOwner, kindOf } from './owner-wire.ts'
import { readTime } from './time-wire.ts'

/** One turn decides them all, at some 20 µs each, and each is one object to write. */
const RESERVED_MAX = 1_024
/** Time-outs of JavaScript and of people end somewhere: a hundred years. */
const SECONDS_MAX = 100 * 366 * 86_400

export const ReservationBody = Type.Object(
  {
    appType: Type.Optional(
      Type.String({ description: 'statefulset (default when appName is given), deployment, or another kind.' }),
    ),
    appName: Type.Optional(
      Type.String({
        description: 'For the pods of this workload; without it and poolName: for nobody, out of circulation.',
      }),
    ),
    namespace: Type.Optional(Type.String()),
    poolName: Type.Optional(Type.String({ description: 'For this pool; with appName for its pods in that pool.' })),
    apiVersion: Type.Optional(Type.String({ description: 'Of the workload; apps/v1 by default.' })),
    firstOrdinal: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 999_999_999,
        description: 'Number of the first pod of a StatefulSet; 0 by default.',
      }),
    ),
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: RESERVED_MAX, description: 'How many; as many as ips by default, else 1.' }),
    ),
    ips: Type.Optional(
      Type.Array(Type.String(), { maxItems: RESERVED_MAX, description: `Exactly these: each ${RANGE_FORMS}.` }),
    ),
    ranges: Type.Optional(
      Type.Array(Type.String(), { maxItems: 64, description: `Any of these: each ${RANGE_FORMS}.` }),
    ),
    contiguous: Type.Optional(Type.Boolean({ description: 'Neighbouring addresses without a gap.' })),
    expiresInSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: SECONDS_MAX })),
    expiresAt: Type.Optional(
      Type.String({ description: 'RFC 3339, with Z or an offset; neither: until it is deleted.' }),
    ),
    note: Type.Optional(Type.String({ maxLength: 500, description: 'What for; shown wherever the reservation is.' })),
  },
  {
    additionalProperties: false,
    examples: [
      {
        appName: 'web',
        appType: 'statefulset',
        namespace: 'default',
        count: 3,
        contiguous: true,
        expiresInSeconds: 86400,
      },
      { ips: ['10.0.0.9'], note: 'firewall' },
    ],
  },
)

export const ReservationItem = Type.Object(
  {
    id: Type.String({ description: 'For one that an object with the label `reserved` makes: its address.' }),
    madeBy: Type.Union([Type.Literal('api'), Type.Literal('object')]),
    outOfCirculation: Type.Boolean({ description: 'For no pod at all.' }),
    expiresAt: Type.Optional(Type.String()),
    note: Type.Optional(Type.String()),
    addresses: Type.Array(
      Type.Object({
        ip: Type.String(),
        key: Type.String({ description: 'Owner key.' }),
        ...ownerFields,
        state: Type.String({ description: 'reserved: it waits for its pod; held or bound: its pod has it.' }),
        podUid: Type.Optional(Type.String()),
        node: Type.Optional(Type.String()),
      }),
    ),
  },
  {
    description: 'A reservation.',
    examples: [
      {
        id: '5f1c9a52-7c1e',
        madeBy: 'api',
        outOfCirculation: false,
        expiresAt: '2026-05-30T11:11:44.633Z',
        addresses: [
          {
            ip: '10.0.0.5',
            key: 'sts_default_web_web-0',
            namespace: 'default',
            appName: 'web',
            podName: 'web-0',
            appType: 'statefulset',
            state: 'reserved',
          },
        ],
      },
    ],
  },
)

export function decodeReservation(body: Static<typeof ReservationBody>, now: number): ReservationRequest {
  const addresses = body.ips === undefined ? null : expand(body.ips)
  const within =
    body.ranges === undefined ? null : rangeSet(body.ranges.map((text, at) => range(text, `ranges[${at}]`)))
  if (addresses !== null && within !== null) throw new BadRequest('give ips or ranges, not both')
  const count = body.count ?? addresses?.length ?? 1
  if (addresses !== null && addresses.length !== count)
    throw new BadRequest(`count is ${count}, and ips has ${addresses.length} addresses`)
  return {
    owners: ownersOf(body, count),
    apiVersion: body.apiVersion ?? (body.appName === undefined ? '' : 'apps/v1'),
    count,
    addresses,
    within: within?.length === 0 ? null : within,
    contiguous: body.contiguous ?? false,
    expiresAt: expiryOf(body, now),
    note: body.note ?? '',
  }
}

function ownersOf(
  { appType, appName = '', namespace = '', poolName: pool = '', firstOrdinal = 0 }: Static<typeof ReservationBody>,
  count: number,
): readonly Owner[] | null {
  if (pool !== '' && !isObjectName(pool)) throw new BadRequest(`poolName ${notAName(pool)}`)
  if (appName === '') {
    if (namespace !== '' || (appType ?? '') !== '') throw new BadRequest('appName is missing')
    return pool === '' ? null : Array.from({ length: count }, () => poolOwner(pool))
  }
  if (!isObjectName(appName)) throw new BadRequest(`appName ${notAName(appName)}`)
  if (!isObjectName(namespace)) throw new BadRequest(`namespace ${notAName(namespace)}`)
  const kind = kindOf(appType ?? STATEFUL_SET)
  if (kind === NO_CONTROLLER || !/^[a-z][a-z0-9]*$/.test(kind))
    throw new BadRequest(
      `appType must be a kind of workload such as statefulset or deployment, not ${JSON.stringify(appType)}`,
    )
  const owner = (pod: string): Owner => ({ pool, kind, namespace, workload: appName, pod })
  if (kind !== DEPLOYMENT) return Array.from({ length: count }, (_, at) => owner(`${appName}-${firstOrdinal + at}`))
  return Array.from({ length: count }, () => (pool === '' ? owner('') : poolOwner(pool)))
}

function notAName(text: string): string {
  return `must be a DNS-1123 name such as web, not ${JSON.stringify(text)}`
}

function expand(texts: readonly string[]): readonly Address[] {
  const ranges = texts.map((text, at) => range(text, `ips[${at}]`))
  if (ranges.length === 0) throw new BadRequest('ips is empty')
  const total = ranges.reduce((sum, { first, last }) => sum + last.value - first.value + 1n, 0n)
  if (total > BigInt(RESERVED_MAX)) throw new BadRequest(`ips has ${total} addresses: at most ${RESERVED_MAX} at once`)
  if (setSize(rangeSet(ranges)) !== total) throw new BadRequest('ips names an address twice')
  return ranges.flatMap(({ first, last }) =>
    Array.from({ length: Number(last.value - first.value) + 1 }, (_, n) =>
      address(first.family, first.value + BigInt(n)),
    ),
  )
}

function range(text: string, where: string): Range {
  const read = parseRange(text)
  if (read === null) throw new BadRequest(`${where} must be ${RANGE_FORMS}, not ${JSON.stringify(text)}`)
  return read
}

function expiryOf({ expiresAt, expiresInSeconds }: Static<typeof ReservationBody>, now: number): number | null {
  if (expiresAt !== undefined && expiresInSeconds !== undefined)
    throw new BadRequest('give expiresAt or expiresInSeconds, not both')
  if (expiresInSeconds !== undefined) return now + expiresInSeconds * 1_000
  if (expiresAt === undefined) return null
  const at = readTime(expiresAt, 'expiresAt')
  if (at <= now) throw new BadRequest(`expiresAt ${expiresAt} has passed`)
  return at
}

export function encodeReservation({ id, reservation, rows }: Reserved): Static<typeof ReservationItem> {
  return {
    id,
    madeBy: reservation === null ? 'object' : 'api',
    outOfCirculation: rows.every(row => row.blocked),
    ...(reservation?.expiresAt != null && { expiresAt: timeText(reservation.expiresAt) }),
    ...(reservation?.note && { note: reservation.note }),
    addresses: rows.map(row => ({
      ip: row.address.text,
      key: ownerKey(row.owner),
      ...(row.blocked ? {} : encodeOwner(row.owner)),
      state: row.phase,
      ...(row.incarnation !== null && { podUid: row.incarnation }),
      ...(row.node !== null && { node: row.node }),
    })),
  }
}
