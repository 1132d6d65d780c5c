/** Owns the form of the past: what is asked of it, and a change as the API writes it. */
import { type Static, Type } from '@sinclair/typebox'
import { parseOwnerKey } from '../domain/owner.ts'
import type { Past, PastQuestion, PastRow, Span } from '../store/history.ts'
import { readAddress } from './address-wire.ts'
import { decodePage, encodePage, ownerFields, PageQuery, pageOf, timeText } from './answers.ts'
import { BadRequest } from './json.ts'
import { encodeOwner } from './owner-wire.ts'
import { readTime } from './time-wire.ts'

const time = (description: string) => Type.Optional(Type.String({ description, examples: ['2026-05-29T14:03:00Z'] }))

export const SpanQuery = {
  at: time('Who had what at this time (RFC 3339), instead of changes.'),
  from: time('No change before this time (RFC 3339).'),
  to: time('No change after this time (RFC 3339).'),
}

export const HistoryQuery = Type.Object({
  ip: Type.Optional(Type.String({ description: 'The address.', examples: ['10.0.0.112'] })),
  pod: Type.Optional(Type.String({ description: 'Name of the pod.' })),
  namespace: Type.Optional(Type.String({ description: 'Namespace of the pod.' })),
  app: Type.Optional(Type.String({ description: 'Name of the workload.' })),
  node: Type.Optional(Type.String({ description: 'Name of the node.' })),
  ...SpanQuery,
  ...PageQuery,
})

const OwnerItem = Type.Object({
  key: Type.String({ description: 'The owner key, as FloatingIP objects have it.' }),
  ...ownerFields,
})

const Change = Type.Object({
  id: Type.Integer({ description: 'Ascends; Last-Event-ID of /v1/events.' }),
  at: Type.String({ description: 'RFC 3339.' }),
  ip: Type.String(),
  verb: Type.String({
    description: 'hold, bind, keep, rest, free, release, give back, adopt, settle, reserve or unreserve.',
  }),
  actor: Type.String({ description: 'scheduler, cluster, person or floatip.' }),
  because: Type.String({ description: 'Why.' }),
  before: Type.Optional(OwnerItem),
  after: Type.Optional(OwnerItem),
  state: Type.Optional(Type.String({ description: 'held, bound, reserved or resting after it; missing: free.' })),
  podUid: Type.Optional(Type.String()),
  node: Type.Optional(Type.String()),
})

const EXAMPLE: Static<typeof Change> = {
  id: 4711,
  at: '2026-05-29T11:11:44.633Z',
  ip: '10.0.0.112',
  verb: 'bind',
  actor: 'scheduler',
  because: 'bound to node-7',
  after: {
    key: 'sts_default_web_web-0',
    namespace: 'default',
    appName: 'web',
    podName: 'web-0',
    appType: 'statefulset',
  },
  state: 'bound',
  podUid: '6b3f4f8a-0a3b-4a55-8d35-6f3c1f0f2a11',
  node: 'node-7',
}

const recordedSince = Type.Optional(
  Type.String({
    description: 'From then on every change is recorded; what was before is not known. Missing: none is recorded yet.',
  }),
)
const page = pageOf(Change, { description: '', examples: [] })

export const HistoryPage = Type.Object(
  { ...page.properties, recordedSince },
  {
    description: 'One page of changes, newest first.',
    examples: [encodePage(1, [EXAMPLE], { size: 10, offset: 0 })],
  },
)

export function decodeHistory(query: Static<typeof HistoryQuery>) {
  const asked = decodePage(query)
  const fields = {
    address: query.ip ? readAddress(query.ip, 'ip').text : undefined,
    pod: query.pod || undefined,
    namespace: query.namespace || undefined,
    workload: query.app || undefined,
    node: query.node || undefined,
  }
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  const question: PastQuestion = { ...given, span: decodeSpan(query), offset: asked.offset, limit: asked.size }
  return { question, asked }
}

function decodeSpan({ at, from, to }: { at?: string; from?: string; to?: string }): Span {
  if (!at) return { kind: 'changes', from: decodeTime(from, 'from'), to: decodeTime(to, 'to') }
  if (from || to) throw new BadRequest('at cannot be combined with from or to')
  return { kind: 'at', at: decodeTime(at, 'at') ?? 0 }
}

/** `+` of an offset arrives as a space when nobody escaped it. */
function decodeTime(text: string | undefined, where: string): number | null {
  return text ? readTime(text.replace(/ (\d\d:\d\d)$/, '+$1'), where) : null
}

export function encodePast({ total, rows, recordedSince }: Past, asked: ReturnType<typeof decodePage>) {
  const since = recordedSince === null ? {} : { recordedSince: timeText(recordedSince) }
  return { ...encodePage(total, rows.map(encodeChange), asked), ...since }
}

export function encodeChange(row: PastRow): Static<typeof Change> {
  const { id, at, address, verb, actor, because, phase, incarnation, node } = row
  return {
    id,
    at: timeText(at),
    ip: address,
    verb,
    actor,
    because,
    ...(row.key_before !== null && { before: ownerItem(row.key_before) }),
    ...(row.key_after !== null && { after: ownerItem(row.key_after) }),
    ...(phase !== null && { state: phase }),
    ...(incarnation !== null && { podUid: incarnation }),
    ...(node !== null && { node }),
  }
}

/** A key that is none of ours (a foreign object's) stands for itself. */
function ownerItem(key: string): Static<typeof OwnerItem> {
  const owner = parseOwnerKey(key)
  return { key, ...(owner === null ? {} : encodeOwner(owner)) }
}
