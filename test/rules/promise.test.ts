/** Promises are what would happen: one pod served after the other, as filter and bind would do it, and nothing of it is applied. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Allocation } from '../../src/domain/allocation.ts'
import type { Demand } from '../../src/domain/demand.ts'
import type { NodeGroup } from '../../src/domain/geometry.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import { present } from '../../src/lib/assert.ts'
import { promisesOn } from '../../src/rules/promise.ts'
import { demandOf, entryOf, keptRow, ranges, rowOf, scaled, type World, worldOf } from './world.ts'

const ENTRIES = [
  entryOf('10.1.0.0/16', '10.0.1.0/24', '10.0.1.2~10.0.1.4'),
  entryOf('10.2.0.0/16', '10.0.2.0/24', '10.0.2.2~10.0.2.4'),
]

/** Filter, and bind on the first node that it left, for real. */
function served(world: World, demand: Demand, groups: readonly NodeGroup[]): boolean {
  const filtered = world.decide('filter', { at: 0, demand, groups })
  if (isRefusal(filtered)) return false
  const group = groups.find(({ id }) => filtered.answer.verdicts.get(id) === null)
  if (group === undefined) return false
  return !isRefusal(world.decide('bind', { at: 0, demand, node: 'n', group }))
}

function promised(rows: readonly Allocation[], demands: readonly Demand[]): readonly boolean[] {
  const world = worldOf(rows, ENTRIES)
  const before = world.rows()
  const groups = [world.group('10.1.0.9'), world.group('10.2.0.9')]
  const promises = promisesOn(world.state)
  const answers = demands.map(demand => promises.promise(demand, groups) === 'served')
  expect(world.rows()).toEqual(before)
  return answers
}

const app = (name: string, replicas: number) =>
  demandOf(`dp_ns_app_app-${name}`, { policy: 1, workload: scaled(replicas) })
const pooled = (name: string, size: number) => demandOf(`pool__p_dp_ns_d_d-${name}`, { policy: 2, poolSize: size })
const bare = (name: string, ...lists: string[][]) =>
  demandOf(`NULL_ns_NULL_${name}`, { request: lists.map(list => ranges(...list)) })
/** Everything is taken but these. */
const fullBut = (...free: string[]) =>
  ['10.0.1.2', '10.0.1.3', '10.0.1.4', '10.0.2.2', '10.0.2.3', '10.0.2.4']
    .filter(ip => !free.includes(ip))
    .map((ip, at) => rowOf(ip, `NULL_ns_NULL_old${at}`))

test.each<[string, readonly Allocation[], readonly Demand[], readonly boolean[]]>([
  [
    'two free addresses, three pods',
    fullBut('10.0.1.3', '10.0.2.4'),
    ['a', 'b', 'c'].map(n => bare(n)),
    [true, true, false],
  ],
  [
    'one of the list that two ask for, others beside it',
    fullBut('10.0.1.2', '10.0.1.3', '10.0.1.4'),
    [bare('a', ['10.0.1.3']), bare('b', ['10.0.1.3']), bare('c', ['10.0.1.2~10.0.1.4'])],
    [true, false, true],
  ],
  [
    'two lists of one pod, then nothing for the next of its kind, and one for the third',
    fullBut('10.0.1.2', '10.0.1.3', '10.0.1.4'),
    [
      bare('a', ['10.0.1.2~10.0.1.4'], ['10.0.1.3~10.0.1.4']),
      bare('b', ['10.0.1.2~10.0.1.4'], ['10.0.1.2~10.0.1.4']),
      bare('c'),
    ],
    [true, false, true],
  ],
  [
    'more replicas than kept addresses, and nothing free: as many as are kept',
    [...fullBut('10.0.1.2', '10.0.2.2'), keptRow('10.0.1.2', 'dp_ns_app_'), keptRow('10.0.2.2', 'dp_ns_app_')],
    ['x', 'y', 'z'].map(name => app(name, 5)),
    [true, true, false],
  ],
  [
    'more free addresses than replicas: as many as replicas',
    [],
    ['x', 'y', 'z'].map(name => app(name, 2)),
    [true, true, false],
  ],
  ['a pool of one', [], ['x', 'y'].map(name => pooled(name, 1)), [true, false]],
  [
    'its own address, kept on the other rack, costs nobody one',
    [...fullBut('10.0.1.2', '10.0.2.2'), keptRow('10.0.2.2', 'sts_ns_web_web-0')],
    [demandOf('sts_ns_web_web-0', { policy: 1 }), bare('a'), bare('b')],
    [true, true, false],
  ],
])('%s', (_, rows, demands, expected) => expect(promised(rows, demands)).toEqual(expected))

const LISTS = [ranges('10.0.1.2~10.0.1.3'), ranges('10.0.1.3', '10.0.2.2')]
const key = fc.constantFrom<[string, Parameters<typeof demandOf>[1]]>(
  ['NULL_ns_NULL_', {}],
  ['NULL_ns_NULL_', { request: LISTS }],
  ['NULL_ns_NULL_', { request: LISTS.slice(1) }],
  ['dp_ns_app_app-', { policy: 1, workload: scaled(2) }],
  ['sts_ns_web_web-', { policy: 1 }],
  ['pool__p_dp_ns_d_d-', { policy: 2, poolSize: 2 }],
  ['pool__p_sts_ns_e_e-', { policy: 2, poolSize: 2 }],
)
const standing = fc.constantFrom('taken', 'dp_ns_app_', 'pool__p_', 'own', 'free')

test('whatever the ledger holds: promised exactly to those who would be served', () => {
  const property = fc.property(
    fc.array(standing, { minLength: 6, maxLength: 6 }),
    fc.array(key, { minLength: 1, maxLength: 10 }),
    (kinds, asked) => {
      const all = ['10.0.1.2', '10.0.1.3', '10.0.1.4', '10.0.2.2', '10.0.2.3', '10.0.2.4']
      const rows = kinds.flatMap((kind, at) => {
        const ip = present(all[at], 'address')
        if (kind === 'free') return []
        if (kind === 'taken') return [rowOf(ip, `NULL_ns_NULL_old${at}`)]
        return [keptRow(ip, kind === 'own' ? `sts_ns_web_web-${at}` : kind, { updatedAt: at })]
      })
      const demands = asked.map(([prefix, words], at) => demandOf(`${prefix}${at}`, words))
      const real = worldOf(rows, ENTRIES)
      const groups = [real.group('10.1.0.9'), real.group('10.2.0.9')]
      expect(promised(rows, demands)).toEqual(demands.map(demand => served(real, demand, groups)))
    },
  )
  fc.assert(property, { numRuns: 300 })
})
