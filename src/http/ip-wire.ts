/** Owns galaxy-ipam's form of addresses: query parameters in, items and pages out, release bodies in. */
import { type Static, Type } from '@sinclair/typebox'
import type { Listed, ListedPage, ReleaseRequest } from '../app/addresses.ts'
import { NO_CONTROLLER, type Owner, poolOwner, STATEFUL_SET } from '../domain/owner.ts'
import type { Search, SortField } from '../store/search.ts'
import { readAddress } from './address-wire.ts'
import { decodePage, encodePage, ownerFields, type PageAsked, PageQuery, pageOf, timeText } from './answers.ts'
import { BadRequest } from './json.ts'
import { encodeOwner, kindOf } from './owner-wire.ts'

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
  after: Type.Optional(
    Type.String({
      description:
        'Allocated addresses beyond this one alone. The last of a page, given for the next one, makes a list that misses none, however much changes meanwhile.',
      examples: ['10.0.0.112'],
    }),
  ),
  ...PageQuery,
  sort: Type.Optional(
    Type.String({ description: 'ip, namespace, podname or policy; then asc or desc. "ip asc" by default.' }),
  ),
})

const { appType, ...ownerNames } = ownerFields

/** In galaxy's order: an answer has its fields in the order of its schema. */
const Item = Type.Object({
  ip: Type.String({ description: 'The address.' }),
  ...ownerNames,
  policy: Type.Integer({ description: '0 released with its pod, or free; 1 immutable, 2 never.' }),
  appType,
  updateTime: Type.Optional(Type.String({ description: 'RFC 3339.' })),
  status: Type.Optional(Type.String({ description: 'The pod’s phase, Deleted, or Unknown.' })),
  releasable: Type.Optional(Type.Boolean({ description: 'There, and true, only when no pod holds the address.' })),
  resting: Type.Optional(
    Type.Boolean({ description: 'There, and true, while a container of its last pod may use it.' }),
  ),
})

const EXAMPLE = {
  ip: '10.0.0.112',
  namespace: 'default',
  appName: 'web',
  podName: 'web-0',
  policy: 2,
  appType: 'statefulset',
  updateTime: '2026-05-29T11:11:44.633Z',
  status: 'Running',
}

export const Page = pageOf(Item, {
  description: 'One page of addresses. A free address has nothing but its ip and policy 0.',
  examples: [encodePage(1, [EXAMPLE], { size: 10, offset: 0 })],
})

const { appName, podName, namespace, poolName } = ownerNames

export const ReleaseBody = Type.Object(
  {
    ips: Type.Array(
      Type.Object({
        ip: Type.String({ description: 'The address.' }),
        appName,
        appType: Type.Optional(Type.String({ description: 'statefulset when it is missing.' })),
        podName,
        namespace,
        poolName,
      }),
      { description: 'Each as the list shows it.' },
    ),
  },
  {
    examples: [
      {
        ips: [{ ip: '10.0.0.112', appName: 'web', appType: 'statefulset', podName: 'web-0', namespace: 'default' }],
      },
    ],
  },
)

export const Unreleased = Type.Object(
  {
    code: Type.Integer(),
    message: Type.String(),
    unreleased: Type.Array(Type.String(), { description: 'The addresses that were not released.' }),
    reasons: Type.Array(Type.String(), { description: 'Why, in the same order.' }),
  },
  {
    description: 'Some were not released; all others are free.',
    examples: [
      {
        code: 202,
        message: '1 of 2 addresses were not released',
        unreleased: ['10.0.0.112'],
        reasons: ['releasing 10.0.0.112: pod default/web-0 is Running'],
      },
    ],
  },
)

const SORT_FIELDS: readonly SortField[] = ['ip', 'namespace', 'podname', 'policy']

export interface ListQuestion {
  readonly search: Search
  readonly asked: PageAsked
}

export function decodeList(query: Static<typeof ListQuery>): ListQuestion {
  const asked = decodePage(query)
  const { sort, descending } = decodeSort(query.sort)
  const kind = given(query.appType) === undefined ? kindByDefault(query) : kindOf(query.appType ?? '')
  const fields = {
    keyword: given(query.keyword),
    pool: given(query.poolName),
    kind,
    namespace: given(query.namespace),
    workload: given(query.appName),
    pod: given(query.podName),
    after: given(query.after) === undefined ? undefined : readAddress(query.after ?? '', 'after').text,
  }
  const search = { sort, descending, offset: asked.offset, limit: asked.size }
  return { search: Object.assign(search, defined(fields)), asked }
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

export function encodeList({ total, content }: ListedPage, asked: PageAsked): Static<typeof Page> {
  return encodePage(total, content.map(encodeItem), asked)
}

/** Empty fields are left out, and what is not releasable does not say so; `policy` is always there: all as in Go. */
function encodeItem({ address, row, status, releasable }: Listed): Static<typeof Item> {
  if (row === null) return { ip: address.text, policy: 0 }
  const { appType, ...names } = encodeOwner(row.owner)
  return {
    ip: address.text,
    ...names,
    policy: row.policy,
    ...(appType !== undefined && { appType }),
    updateTime: timeText(row.updatedAt),
    ...(status !== '' && { status }),
    ...(releasable && { releasable }),
    ...(row.phase === 'resting' && { resting: true }),
  }
}

/** All bodies are read before the first address is released. */
export function decodeRelease({ ips }: Static<typeof ReleaseBody>): readonly ReleaseRequest[] {
  return ips.map((item, at) => {
    return { address: readAddress(item.ip, `ips[${at}].ip`), owner: ownerOf(item, at) }
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
  const kind = kindOf(given(item.appType) ?? 'statefulset')
  // A bare pod is listed under the name NULL.
  const bare = kind === NO_CONTROLLER || appName === NO_CONTROLLER
  return bare
    ? { pool: poolName, kind: NO_CONTROLLER, namespace, workload: NO_CONTROLLER, pod: podName }
    : { pool: poolName, kind, namespace, workload: appName, pod: podName }
}
