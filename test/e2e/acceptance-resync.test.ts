/** Owns the proof of what becomes of stored addresses whose pods ended while nobody looked, or run and were not recorded: galaxy-ipam's table, on the compiled binary. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  byHand,
  type Hand,
  handNamespace,
  handPod,
  type OwnedBy,
  ownedBySet,
  stopEverybody,
} from './harness/by-hand.ts'
import { type Cluster, kind } from './harness/cluster.ts'
import { crewOf, defineScaledKind, TAPP } from './harness/custom.ts'
import { galaxysObject } from './harness/galaxy.ts'
import { eventually, type Kube } from './harness/kube.ts'
import { deployment, type Pod, paths, statefulSet } from './harness/objects.ts'
import { STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const NS = 'r'
let stage: Stage
let hand: Hand

const KEPT = '{"NodeName":"","Uid":""}'
/** All that an object may say of a pod that is not there; the last two are never those of a living one. */
const ATTRIBUTES = ['', KEPT, '{"NodeName":"","Uid":"dead"}', '{"NodeName":"any-0","Uid":"dead"}']

interface Row {
  readonly what: string
  readonly policy: 0 | 1 | 2
  /** Null: the workload is not there. */
  readonly replicas: number | null
  readonly phase: 'Pending' | 'Failed' | 'Succeeded' | null
  readonly stays: boolean
}

const ROWS: readonly Row[] = [
  { what: 'no policy, neither pod nor workload', policy: 0, replicas: null, phase: null, stays: false },
  { what: 'no policy, its pod failed', policy: 0, replicas: null, phase: 'Failed', stays: false },
  { what: 'no policy, its pod succeeded', policy: 0, replicas: null, phase: 'Succeeded', stays: false },
  { what: 'immutable, within the replicas', policy: 1, replicas: 1, phase: null, stays: true },
  { what: 'immutable, beyond them', policy: 1, replicas: 0, phase: null, stays: false },
  { what: 'immutable, within them, its pod failed', policy: 1, replicas: 1, phase: 'Failed', stays: true },
  { what: 'never, no replicas', policy: 2, replicas: 0, phase: null, stays: true },
  { what: 'never, no workload', policy: 2, replicas: null, phase: null, stays: true },
]
const POLICIES = [undefined, 'immutable', 'never'] as const

interface Stored {
  readonly what: string
  readonly address: string
  /** Null: nobody's. */
  readonly becomes: string | null
  readonly policy: number
}
const stored: Stored[] = []

beforeAll(async () => {
  if (kind === 'demo') return
  stage = await startStage([{ name: 'any', nodes: 1 }], { beforehand })
  hand = byHand(stage)
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

async function beforehand(cluster: Cluster, kube: Kube): Promise<void> {
  await stopEverybody({ cluster })
  await handNamespace({ cluster, kube }, NS)
  await defineScaledKind({ cluster, kube } as Stage, TAPP)
  async function store(what: string, key: string, policy: number, attribute: string, becomes: string | null) {
    const address = `10.50.1.${stored.length + 1}`
    await kube.create(paths.floatingIps, galaxysObject({ address, key, policy, attribute }))
    stored.push({ what, address, becomes, policy })
  }
  async function podThere(name: string, owner: OwnedBy, policy: string | undefined, phase: string) {
    const made = handPod(name, { owner, ...(policy !== undefined && { policy }) })
    await kube.create(paths.pods(NS), made)
    if (phase !== 'Pending') await kube.patch(`${paths.pods(NS)}/${name}/status`, { status: { phase } })
  }

  for (const [form, attribute] of ATTRIBUTES.entries()) {
    for (const [at, { what, policy, replicas, phase, stays }] of ROWS.entries()) {
      for (const prefix of ['sts', 'tapp']) {
        const app = `${prefix}-${form}${at}`
        const owner = prefix === 'sts' ? ownedBySet(app) : { apiVersion: `${TAPP.group}/v1`, kind: 'TApp', name: app }
        if (replicas !== null && prefix === 'sts')
          await kube.create(paths.statefulSets(NS), statefulSet(app, { stage: 'any', replicas }))
        if (replicas !== null && prefix === 'tapp') await crewOf({ kube } as Stage, TAPP, NS, app, replicas)
        if (phase !== null) await podThere(`${app}-0`, owner, POLICIES[policy], phase)
        const key = `${prefix}_${NS}_${app}_${app}-0`
        await store(`${prefix}, ${what}; ${attribute}`, key, policy, attribute, stays ? key : null)
      }
    }
    const gone = `gone${form}`
    await store(`immutable, no StatefulSet; ${attribute}`, `sts_${NS}_${gone}_${gone}-0`, 1, attribute, null)
    await store(`immutable, no Deployment; ${attribute}`, `dp_${NS}_${gone}_${gone}-x-1`, 1, attribute, null)
    await store(`never, no Deployment; ${attribute}`, `dp_${NS}_${gone}_${gone}-x-2`, 2, attribute, `dp_${NS}_${gone}_`)
    await store(`in a pool; ${attribute}`, `pool__p_dp_${NS}_${gone}_${gone}-x-3`, 2, attribute, 'pool__p_')
    await store(`without owner; ${attribute}`, `NULL_${NS}_NULL_bare${form}`, 0, attribute, null)
    const bare = `NULL_${NS}_NULL_bare-${form}`
    await store(`without owner, never; ${attribute}`, bare, 2, attribute, bare)
    const two = `two${form}`
    await kube.create(paths.deployments(NS), deployment(two, { stage: 'any', replicas: 2, policy: 'immutable' }))
    for (const x of [1, 2])
      await store(`immutable, of two; ${attribute}`, `dp_${NS}_${two}_${two}-x-${x}`, 1, attribute, `dp_${NS}_${two}_`)
  }
  // Pods of their names wait: what no object says to be another pod's is theirs.
  for (const [form, attribute] of ATTRIBUTES.slice(0, 2).entries()) {
    await podThere(`waits-${form}`, ownedBySet('waits'), undefined, 'Pending')
    const key = `sts_${NS}_waits_waits-${form}`
    await store(`no policy, a pod of its name waits; ${attribute}`, key, 0, attribute, key)
  }
  await kube.create(paths.statefulSets(NS), statefulSet('again', { stage: 'any', replicas: 1 }))
  await podThere('again-0', ownedBySet('again'), 'immutable', 'Pending')
  const again = `sts_${NS}_again_again-0`
  await store('immutable, another pod of its name waits', again, 1, ATTRIBUTES[3] ?? '', again)
}

const carries = (ip: string) =>
  JSON.stringify({ common: { ipinfos: [{ ip: `${ip}/22`, vlan: 0, gateway: '10.50.0.1' }] } })
async function runs(name: string, ip: string): Promise<Pod> {
  const made = handPod(name, { owner: ownedBySet('runs'), policy: 'never', args: carries(ip) })
  const pod = await stage.kube.create(paths.pods(NS), { ...made, spec: { ...made.spec, nodeName: 'any-0' } } as Pod)
  await stage.kube.patch(`${paths.pods(NS)}/${name}/status`, { status: { phase: 'Running' } })
  return pod
}

describe.skipIf(kind === 'demo')('of stored addresses', () => {
  test(
    'each becomes what the table of policies says, within seconds of the start',
    async () => {
      const wrong: string[] = []
      for (const { what, address, becomes, policy } of stored) {
        const ask = async () => {
          const spec = (await hand.stored(address))?.spec
          if (becomes === null) return spec === undefined
          return spec?.key === becomes && spec.policy === policy && /^$|"Uid":""}$/.test(spec.attribute)
        }
        await eventually(what, ask, { withinMs: wrong.length === 0 ? 15_000 : 1_000 }).catch(async () => {
          wrong.push(`${what}: ${JSON.stringify((await hand.stored(address))?.spec)}, not ${becomes}`)
        })
      }
      expect(wrong).toEqual([])
    },
    LIMIT_MS,
  )

  test('what a running pod carries is recorded for it as soon as it is seen', async () => {
    const { metadata } = await runs('runs-0', '10.50.2.1')
    const Uid = metadata.uid
    await eventually('recorded', async () => (await hand.stored('10.50.2.1')) !== null, { withinMs: 10_000 })
    expect((await hand.stored('10.50.2.1'))?.spec).toMatchObject({
      ...{ key: `sts_${NS}_runs_runs-0`, policy: 2, attribute: JSON.stringify({ NodeName: 'any-0', Uid }) },
    })
  })

  test('what it carries and another one has stays with the other one', async () => {
    const made = await hand.pod(NS, 'has-it')
    const [ip = ''] = await hand.place(made, ['any-0'])
    await runs('runs-1', ip)
    await Bun.sleep(1_000)
    expect((await hand.stored(ip))?.spec.key).toBe(`NULL_${NS}_NULL_has-it`)
  })
})
