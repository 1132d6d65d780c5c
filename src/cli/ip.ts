/** Owns `floatip ip`: list, show, history and release of addresses. */

import type { Command } from 'commander'
import { EXIT, UsageFault } from '../lib/exit.ts'
import { slicesOf } from '../lib/slices.ts'
import { ageText, olderThan, parseAge } from './age.ts'
import { acting, agreed, type Session, type Surface, withOutput, withServer } from './command.ts'
import type { HistoryItem, IpDetail, IpItem, Outcome, OwnerFields } from './shapes.ts'
import { type Shape, showFields, showList, type Tone } from './show.ts'

interface Filters {
  readonly namespace?: string
  readonly app?: string
  readonly kind?: string
  readonly pool?: string
  readonly pod?: string
  readonly keyword?: string
  readonly keptLongerThan?: string
  readonly sort?: string
}

/** At most this many in one request: its body stays far below the API's limit. */
const RELEASE_AT_ONCE = 1_000
/** Every owner key has a `_`: a free address has none. */
export const ANY_KEY = '_'
const FILTERS = ['namespace', 'app', 'kind', 'pool', 'pod', 'keyword', 'keptLongerThan'] as const
/** What the API has for the kind of an owner that is no workload but a reservation for nobody. */
export const OUT_OF_CIRCULATION = 'reserved'
const POLICIES = ['pod end', 'immutable', 'never']

/** Gives back the command `ip`, for those that belong to it. */
export function ipCommands(program: Command, surface: Surface): Command {
  const ip = program.command('ip').description('addresses: who has them, since when, and giving them back')

  withFilters(withOutput(ip.command('ls')))
    .description('list the addresses that belong to somebody; --all: the free ones too')
    .option('--all', 'the free ones too', false)
    .option('--sort <order>', 'by ip, namespace, podname or policy; "ip desc" the other way round')
    .addHelpText(
      'after',
      '\nExamples:\n  floatip ip ls --namespace shop --app web\n  floatip ip ls --kept-longer-than 7d -o name',
    )
    .action(acting(surface, list))
  withOutput(ip.command('show <address>'))
    .description('one address: whose it is, why, and what would free it')
    .addHelpText('after', '\nExample:\n  floatip ip show 10.0.0.112')
    .action(acting(surface, show))
  withOutput(ip.command('history [address]'))
    .description('who had it; without an address: all changes that match')
    .option('--namespace <name>', 'of the pod')
    .option('--app <name>', 'the workload')
    .option('--pod <name>', 'the pod')
    .option('--node <name>', 'the node')
    .option('--from <time>', 'RFC 3339')
    .option('--to <time>', 'RFC 3339')
    .option('--at <time>', 'who had what at that time')
    .addHelpText('after', '\nExample:\n  floatip ip history 10.0.0.112 --at 2026-05-29T14:03:00Z')
    .action(acting(surface, history))
  withFilters(withServer(ip.command('release [addresses...]')))
    .description('give addresses back that are kept without a pod; by name or by filter')
    .option('--yes', 'do not ask', false)
    .addHelpText(
      'after',
      '\nExamples:\n  floatip ip release 10.0.0.112\n  floatip ip release --namespace old --kept-longer-than 30d --yes',
    )
    .action(acting(surface, release))
  return ip
}

function withFilters(command: Command): Command {
  return command
    .option('--namespace <name>', 'of the pod or workload')
    .option('--app <name>', 'name of the workload')
    .option('--kind <kind>', 'kind of the workload: statefulset, deployment, …')
    .option('--pool <name>', 'named pool')
    .option('--pod <name>', 'name of the pod')
    .option('--keyword <text>', 'part of the owner key')
    .option('--kept-longer-than <age>', 'kept without a pod for longer: 90s, 15m, 12h, 7d')
}

async function matching({ client, progress }: Session, filters: Filters): Promise<readonly IpItem[]> {
  const { namespace, app, kind, pool, pod, keyword, keptLongerThan, sort } = filters
  // Where an app is named, galaxy's API takes a missing kind for a StatefulSet. A person means the app, of whatever kind it is.
  const anyKind = app !== undefined && kind === undefined
  const named = anyKind ? { keyword: keyword ?? `_${app}_` } : { keyword, appName: app, appType: kind }
  const query = { namespace, poolName: pool, podName: pod, sort, ...named }
  const age = keptLongerThan === undefined ? null : parseAge(keptLongerThan)
  const found = await client.all<IpItem>('/v1/ip', query, progress('addresses'))
  // What a pool keeps is of no kind, and the API lists it with any: a person who says a kind means it.
  const ofKind = kind === undefined ? found : found.filter(({ appType }) => appType !== undefined)
  const items = anyKind ? ofKind.filter(({ appName }) => appName === app) : ofKind
  return age === null ? items : items.filter(item => item.releasable === true && olderThan(item.updateTime, age))
}

async function list(session: Session, { all, ...filters }: Filters & { all: boolean }): Promise<undefined> {
  const items = await matching(session, all || isFiltered(filters) ? filters : { ...filters, keyword: ANY_KEY })
  showList(session.terminal, session.format, items, ADDRESSES)
}

async function show({ client, terminal, format }: Session, address: string): Promise<undefined> {
  const found = await client.get<IpDetail>(`/v1/ip/${encodeURIComponent(address)}`)
  const { ip, state, orphaned, blocked } = found
  const marks = [state, orphaned ? 'orphaned' : '', blocked ? 'kept out of circulation' : ''].filter(Boolean).join(', ')
  showFields(terminal, format, found, ip, [
    ['Address', ip],
    ['State', marks],
    ['Owner', ownerText(found)],
    ['Pod UID', found.podUid],
    ['Pod status', found.status],
    ['Node', found.node],
    ['Policy', found.policyName],
    ['Since', found.since],
    ['Why', found.because === undefined ? undefined : `${found.because} (${found.actor})`],
    ['Freed by', found.freedBy],
    ['Freed at', found.freedAt],
    ['Subnet', found.subnet],
    ['Gateway', found.gateway],
    ['VLAN', found.vlan],
    ['Node subnets', found.nodeSubnets?.join(', ')],
  ])
}

async function history(
  { client, terminal, format, progress }: Session,
  address: string | undefined,
  query: Readonly<Record<string, string>>,
): Promise<undefined> {
  const { namespace, app, pod, node, from, to, at } = query
  const asked = { ip: address, namespace, app, pod, node, from, to, at }
  const items = await client.all<HistoryItem>('/v1/history', asked, progress('changes'))
  const begun = at === undefined && from === undefined ? undefined : await begin(client)
  const isUnknown = begun !== undefined && Date.parse(at ?? from ?? '') < Date.parse(begun)
  if (isUnknown) terminal.err(`changes are recorded since ${begun}: what was before is not known\n`)
  showList(
    terminal,
    format,
    items,
    at === undefined || isUnknown ? CHANGES : { ...CHANGES, none: 'nobody had it then' },
  )
}

/** Since when every change is recorded. */
async function begin(client: Session['client']): Promise<string | undefined> {
  return (await client.get<{ recordedSince?: string }>('/v1/history', { size: 1 })).recordedSince
}

async function release(session: Session, addresses: readonly string[], filters: Filters & { yes: boolean }) {
  const { terminal, client, progress } = session
  const { yes } = filters
  if (addresses.length === 0 && !isFiltered(filters)) {
    throw new UsageFault('say which addresses to release: by name, or by a filter such as --app')
  }
  if (addresses.length > 0 && isFiltered(filters)) throw new UsageFault('say addresses, or a filter: not both')
  const wanted =
    addresses.length > 0
      ? await Promise.all(addresses.map(each => client.get<IpDetail>(`/v1/ip/${encodeURIComponent(each)}`)))
      : (await matching(session, filters)).filter(item => item.updateTime !== undefined)
  const taken = wanted.filter(item => !('state' in item) || item.state !== 'free')
  if (taken.length === 0) {
    terminal.err('nothing to release: none of them belongs to anybody\n')
    return undefined
  }
  if (!yes && !(await mayRelease(session, taken))) {
    terminal.err('nothing was released\n')
    return EXIT.notAll
  }
  const left: [string, string][] = []
  const told = progress('released')
  let asked = 0
  for (const slice of slicesOf(taken, RELEASE_AT_ONCE)) {
    const ips = slice.map(releasing)
    type Answer = Outcome & { unreleased?: readonly string[]; reasons?: readonly string[] }
    const { body } = await client.send<Answer>('POST', '/v1/ip', { ips })
    for (const [at, ip] of (body.unreleased ?? []).entries()) left.push([ip, body.reasons?.[at] ?? body.message])
    asked += slice.length
    told(asked, taken.length)
  }
  const kept = new Set(left.map(([ip]) => ip))
  for (const { ip } of taken) if (!kept.has(ip)) terminal.out(`${ip} released\n`)
  for (const [ip, why] of left) terminal.err(`${ip} not released: ${why.replace(`releasing ${ip}: `, '')}\n`)
  return left.length === 0 ? undefined : EXIT.notAll
}

function isFiltered(filters: Filters): boolean {
  return FILTERS.some(name => filters[name] !== undefined)
}

async function mayRelease({ terminal }: Session, items: readonly (IpItem | IpDetail)[]): Promise<boolean> {
  if (terminal.isInteractive) {
    const shown = items.slice(0, 10).map(item => `  ${item.ip}  ${ownerText(item)}\n`)
    const more = items.length > shown.length ? `  … and ${items.length - shown.length} more\n` : ''
    terminal.err(`${shown.join('')}${more}`)
  }
  const isOne = items.length === 1
  const question = `Release ${isOne ? 'this address' : `these ${items.length} addresses`}?`
  return await agreed(terminal, question, `${isOne ? '1 address' : `${items.length} addresses`} would be released: `)
}

/** What POST /v1/ip compares with the owner in force: a release of what has changed hands since is refused. */
function releasing({ ip, namespace, appName, podName, poolName, appType }: IpItem) {
  return { ip, namespace, appName, podName, poolName, appType }
}

export function ownerText({ namespace, appName, podName, poolName, appType }: OwnerFields): string {
  if (appType === OUT_OF_CIRCULATION) return 'nobody: kept out of circulation'
  const where = [namespace, appName === 'NULL' ? undefined : appName, podName].filter(Boolean).join('/')
  const kind = appType === undefined || appType === 'NULL' ? '' : `${appType} `
  return `${kind}${where}${poolName ? ` (pool ${poolName})` : ''}`.trim()
}

/** The pod's phase while there is one; `Deleted`, as the API has it for the rest, would read as if the address were. */
function statusText({ appType, releasable, resting, status, updateTime }: IpItem): string {
  if (updateTime === undefined) return 'free'
  if (resting) return 'resting'
  if (appType === OUT_OF_CIRCULATION) return 'withheld'
  return releasable ? 'kept' : (status ?? '')
}

function statusTone(item: IpItem): Tone | null {
  if (item.updateTime === undefined) return 'faint'
  return isKept(item) ? 'busy' : 'good'
}

/** True of what belongs to somebody, and no pod has it. */
export function isKept({ releasable, appType }: IpItem): boolean {
  return releasable === true || appType === OUT_OF_CIRCULATION
}

const named = (name: string | undefined) => (name === 'NULL' ? '' : name)

const ADDRESSES: Shape<IpItem> = {
  columns: [
    { title: 'ADDRESS', of: item => item.ip },
    { title: 'NAMESPACE', of: item => named(item.namespace) },
    { title: 'APP', of: item => named(item.appName) },
    { title: 'POD', of: item => item.podName },
    { title: 'POOL', of: item => item.poolName, wide: true },
    { title: 'KIND', of: item => named(item.appType), wide: true },
    { title: 'POLICY', of: item => (item.updateTime === undefined ? '' : POLICIES[item.policy ?? 0]) },
    { title: 'STATUS', of: statusText, tone: statusTone },
    { title: 'AGE', of: item => ageText(item.updateTime), whole: true },
    { title: 'RELEASABLE', of: item => (item.releasable ? 'yes' : ''), wide: true },
    { title: 'UPDATED', of: item => item.updateTime, wide: true },
  ],
  name: item => item.ip,
  none: 'no address matches',
}

const CHANGES: Shape<HistoryItem> = {
  columns: [
    { title: 'AT', of: item => item.at },
    { title: 'ADDRESS', of: item => item.ip, whole: true },
    { title: 'WHAT', of: item => item.verb },
    { title: 'OWNER', of: item => ownerText(item.after ?? item.before ?? {}) },
    { title: 'WHY', of: item => item.because },
    { title: 'NODE', of: item => item.node },
    { title: 'BY', of: item => item.actor },
    { title: 'POD UID', of: item => item.podUid, wide: true },
    { title: 'ID', of: item => item.id, wide: true },
  ],
  name: item => `${item.id}`,
  none: 'no change matches',
}
