/** Owns galaxy-ipam's form of addresses: query parameters in, items and pages out, release bodies in. */
import { type Static, Type } from '@sinclair/typebox'
import type { Listed, ListedPage, ReleaseRequest } from '../app/addresses.ts'
import { DEPLOYMENT, NO_CONTROLLER, type Owner, poolOwner, STATEFUL_SET } from '../domain/owner.ts'
import { parseAddress } from '../ip/address.ts'
import type { Search, SortField } from '../store/search.ts'
import { BadRequest } from './json.ts'

/** Parameters are texts: galaxy tolerates what it cannot read. */
export const ListQuery = Type.Object({
  keyword: Type.Optional(Type.String({ description: 'Part of the owner key, such as sts_default_web_.' })),
  poolName: Type.Optional(Type.String({ description: 'Named pool.' })),
  appName: Type.Optional(Type.String({ description: 'Name of the workload.' })),
  podName: Type.Optional(Type.String({ description: 'Name of the pod.' })),
  namespace: Type.Optional(Type.String({ description: 'Namespace of the pod.' })),
  appType: Type.Optional(
    Type.String({ description: 'deployment, statefulset (default with appName), or another kind; plural accepted.' }),
  ),
  page: Type.Optional(Type.String({ description: 'Counted from 0; 0-99999.' })),
  size: Type.Optional(Type.String({ description: 'Items on a page, 1-9999; 10 by default.' })),
  sort: Type.Optional(
    Type.String({ description: 'ip, namespace, podname or policy; then asc or desc. "ip asc" by default.' }),
  ),
})

const Item = Type.Object({
  ip: Type.String({ description: 'The address.' }),
  namespace: Type.Optional(Type.String()),
  appName: Type.Optional(Type.String()),
  podName: Type.Optional(Type.String()),
  poolName: Type.Optional(Type.String()),
  policy: Type.Optional(Type.Integer({ description: '0 released with its pod, 1 immutable, 2 never.' })),
  appType: Type.Optional(Type.String()),
  updateTime: Type.Optional(Type.String({ description: 'RFC 3339.' })),
  status: Type.Optional(Type.String({ description: 'The pod’s phase, Deleted, or Unknown.' })),
  releasable: Type.Optional(Type.Boolean({ description: 'True only when no pod holds the address.' })),
})

export const Page = Type.Object({
  last: Type.Boolean(),
  totalElements: Type.Integer(),
  totalPages: Type.Integer(),
  first: Type.Boolean(),
  numberOfElements: Type.Integer(),
  size: Type.Integer(),
  number: Type.Integer(),
  content: Type.Array(Item),
})

export const ReleaseBody = Type.Object({
  ips: Type.Array(
    Type.Object({
      ip: Type.String(),
      appName: Type.Optional(Type.String()),
      appType: Type.Optional(Type.String()),
      podName: Type.Optional(Type.String()),
      namespace: Type.Optional(Type.String()),
      poolName: Type.Optional(Type.String()),
    }),
  ),
})

export const Outcome = Type.Object({ code: Type.Integer(), message: Type.String() })

export const Unreleased = Type.Object({
  code: Type.Integer(),
  message: Type.String(),
  unreleased: Type.Array(Type.String()),
  reasons: Type.Array(Type.String()),
})

const PAGE_MAX = 99_999
const SIZE_MAX = 9_999
const SIZE_DEFAULT = 10
const SORT_FIELDS: readonly SortField[] = ['ip', 'namespace', 'podname', 'policy']

/** Kinds as the API names them; others stand for themselves in lower case. */
const APP_TYPES: Readonly<Record<string, string>> = { [DEPLOYMENT]: 'deployment', [STATEFUL_SET]: 'statefulset' }

export interface PageQuestion {
  readonly search: Search
  readonly page: number
  readonly size: number
}

export function decodeList(query: Static<typeof ListQuery>): PageQuestion {
  const page = bounded(query.page, 0, PAGE_MAX, 0)
  const size = bounded(query.size, 1, SIZE_MAX, SIZE_DEFAULT)
  const { sort, descending } = decodeSort(query.sort)
  const kind = given(query.appType) === undefined ? kindByDefault(query) : kindOf(query.appType ?? '')
  const fields = {
    keyword: given(query.keyword),
    pool: given(query.poolName),
    kind,
    namespace: given(query.namespace),
    workload: given(query.appName),
    pod: given(query.podName),
  }
  const search = { sort, descending, offset: page * size, limit: size }
  return { search: Object.assign(search, defined(fields)), page, size }
}

/** galaxy takes a missing appType for a StatefulSet where an app is named. */
function kindByDefault(query: Static<typeof ListQuery>): string | undefined {
  return given(query.appName) === undefined ? undefined : STATEFUL_SET
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}

function defined(fields: Record<string, string | undefined>): Partial<Search> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function bounded(text: string | undefined, least: number, most: number, otherwise: number): number {
  const number = text === undefined || !/^-?\d+$/.test(text.trim()) ? otherwise : Number(text)
  return Math.min(most, Math.max(least, number))
}

function decodeSort(text: string | undefined): { sort: SortField; descending: boolean } {
  const [name = 'ip', direction = 'asc', ...rest] = (given(text) ?? 'ip asc')
    .trim()
    .toLowerCase()
    .split(/[\s+]+/)
  const sort = SORT_FIELDS.find(each => each === name)
  if (sort === undefined || rest.length > 0 || (direction !== 'asc' && direction !== 'desc')) {
    throw new BadRequest(`sort must be one of ${SORT_FIELDS.join(', ')}, then asc or desc; not ${JSON.stringify(text)}`)
  }
  return { sort, descending: direction === 'desc' }
}

function kindOf(appType: string): string {
  const lower = appType.toLowerCase()
  if (lower === NO_CONTROLLER.toLowerCase()) return NO_CONTROLLER
  const singular = lower.endsWith('s') ? lower.slice(0, -1) : lower
  return Object.keys(APP_TYPES).find(kind => APP_TYPES[kind] === singular) ?? singular
}

export function encodePage({ total, content }: ListedPage, page: number, size: number): Static<typeof Page> {
  const totalPages = Math.ceil(total / size)
  return {
    last: page >= totalPages - 1,
    totalElements: total,
    totalPages,
    first: page === 0,
    numberOfElements: content.length,
    size,
    number: page,
    content: content.map(encodeItem),
  }
}

/** Empty fields are left out. */
function encodeItem({ address, row, status, releasable }: Listed): Static<typeof Item> {
  if (row === null) return { ip: address.text }
  const { namespace, workload, pod, pool, kind } = row.owner
  const texts = { namespace, appName: workload, podName: pod, poolName: pool }
  return {
    ip: address.text,
    ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== '')),
    policy: row.policy,
    ...(kind !== '' && { appType: APP_TYPES[kind] ?? kind }),
    updateTime: new Date(row.updatedAt).toISOString(),
    status,
    releasable,
  }
}

/** All bodies are read before the first address is released. */
export function decodeRelease({ ips }: Static<typeof ReleaseBody>): readonly ReleaseRequest[] {
  return ips.map((item, at) => {
    const address = parseAddress(item.ip)
    if (address === null) throw new BadRequest(`ips[${at}].ip must be an IP address, not ${JSON.stringify(item.ip)}`)
    return { address, owner: ownerOf(item, at) }
  })
}

function ownerOf(item: Static<typeof ReleaseBody>['ips'][number], at: number): Owner {
  const { appName = '', podName = '', namespace = '', poolName = '' } = item
  if (item.appType !== undefined && !/^[A-Za-z][A-Za-z0-9-]*$|^$/.test(item.appType)) {
    throw new BadRequest(
      `ips[${at}].appType must be a kind such as deployment or statefulset, not ${JSON.stringify(item.appType)}`,
    )
  }
  if (poolName !== '' && appName === '' && podName === '') {
    return poolOwner(poolName)
  }
  const kind = kindOf(given(item.appType) ?? APP_TYPES[STATEFUL_SET] ?? '')
  // A bare pod is listed under the name NULL.
  const bare = kind === NO_CONTROLLER || appName === NO_CONTROLLER
  return bare
    ? { pool: poolName, kind: NO_CONTROLLER, namespace, workload: NO_CONTROLLER, pod: podName }
    : { pool: poolName, kind, namespace, workload: appName, pod: podName }
}
