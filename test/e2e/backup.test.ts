/** Owns the proof of backup and restore with the compiled binary: backups are taken while pods are bound, the process is killed, and a floatip on the last of them gives no address twice. */
import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addressesOf, runningPod } from './harness/addresses.ts'
import { type Floatip, startFloatip } from './harness/floatip.ts'
import { eventually } from './harness/kube.ts'
import { type Pod, paths, pod, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, type StageOptions, startStage } from './harness/stage.ts'
import { type Typist, typist } from './harness/terminal.ts'

const LIMIT_MS = 240_000
const BACKUPS = 5
const WORKERS = 6
/** Bound between two backups, and after the last one. */
const BOUND_BETWEEN = 12
const NS = 'busy'

interface Load {
  readonly bound: number
  stop(): Promise<void>
}

/** Pods come without a pause; every third goes again. */
function load({ kube }: Stage): Load {
  let stopped = false
  let bound = 0
  const workers = Array.from({ length: WORKERS }, async (_, worker) => {
    for (let n = 0; !stopped; n++) {
      const path = `${paths.pods(NS)}/w${worker}-${n}`
      await kube.create(paths.pods(NS), pod(`w${worker}-${n}`, { stage: 'load' }))
      while (!stopped && (await kube.find<Pod>(path))?.status?.phase !== 'Running') await Bun.sleep(50)
      if (stopped) return
      bound++
      if (n % 3 === 2) await kube.delete(path)
    }
  })
  return {
    get bound() {
      return bound
    },
    async stop() {
      stopped = true
      await Promise.all(workers)
    },
  }
}

/** Opens and says how much is in it; whole: each row got there by its last change. */
function looked(file: string): { history: number; allocations: number } {
  const db = new Database(file, { readonly: true })
  try {
    expect(db.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    const wrong = db.query(`SELECT count(*) AS n FROM allocation a WHERE a.key IS NOT
      (SELECT key_after FROM history h WHERE h.address = a.address ORDER BY id DESC LIMIT 1)`)
    expect(wrong.get()).toEqual({ n: 0 })
    const count = (table: string) => (db.query(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n
    return { history: count('history'), allocations: count('allocation') }
  } finally {
    db.close()
  }
}

const stages: Stage[] = []
const later: Floatip[] = []
afterAll(async () => {
  for (const each of later) await each.kill()
  for (const each of stages) await each.stop()
}, LIMIT_MS)

interface Desk {
  readonly stage: Stage
  readonly folder: string
  readonly hand: Typist
}

async function begin(options: StageOptions): Promise<Desk> {
  const stage = await startStage([{ name: 'load', nodes: 3 }], options)
  stages.push(stage)
  const folder = join(stage.cluster.folder, 'desk')
  mkdirSync(folder)
  await createNamespace(stage.kube, NS, stage.cluster.kind)
  return { stage, folder, hand: typist(stage.floatip.apiUrl, folder) }
}

async function keptMail({ kube, floatip }: Stage, name: string): Promise<string> {
  await kube.create(paths.statefulSets(NS), statefulSet(name, { stage: 'load', replicas: 1, policy: 'never' }))
  const [address = ''] = addressesOf(await runningPod(kube, NS, `${name}-0`))
  await kube.delete(`${paths.statefulSets(NS)}/${name}`)
  await eventually(`${name} is kept`, async () => (await shown(floatip, address)).state === 'reserved')
  return address
}

async function shown(floatip: Pick<Floatip, 'apiUrl'>, address: string) {
  const reply = await fetch(`${floatip.apiUrl}/v1/ip/${address}`)
  return (await reply.json()) as { state: string; key?: string; podUid?: string; verb?: string; actor?: string }
}

interface Ended {
  readonly folder: string
  readonly last: string
  /** Kept before the first backup, and after the last. */
  readonly keptBefore: string
  readonly keptAfter: string
  /** By name: bound after the last backup. */
  readonly fresh: readonly Pod[]
}

/** The pods that are bound and not on their way out. */
async function boundPods({ kube }: Stage): Promise<Pod[]> {
  const pods = await kube.list<Pod>(paths.pods(NS))
  return pods.filter(({ metadata, spec }) => spec.nodeName !== undefined && metadata.deletionTimestamp === undefined)
}

/** Backups under load; then floatip is killed in the middle of it, and pods come and go while it is away. */
async function untilKilled({ stage, folder, hand }: Desk): Promise<Ended> {
  const keptBefore = await keptMail(stage, 'mail')
  const busy = load(stage)
  const seen: number[] = []
  for (let n = 1; n <= BACKUPS; n++) {
    const wanted = busy.bound + BOUND_BETWEEN
    await eventually('the load goes on', async () => busy.bound >= wanted, { withinMs: 60_000 })
    const { code, text } = await hand.floatip(`backup b${n}.db`)
    expect({ code, text }).toEqual({ code: 0, text: expect.stringMatching(/^b\d\.db: \d+ bytes\n$/) })
    seen.push(looked(join(folder, `b${n}.db`)).history)
  }
  expect(await hand.floatip('backup - > piped.db')).toEqual({ code: 0, text: '' })
  expect(looked(join(folder, 'piped.db')).history).toBeGreaterThanOrEqual(seen.at(-1) ?? 0)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect((seen.at(-1) ?? 0) - (seen[0] ?? 0)).toBeGreaterThanOrEqual((BACKUPS - 1) * BOUND_BETWEEN)

  const before = new Set((await boundPods(stage)).map(({ metadata }) => metadata.uid))
  const wanted = busy.bound + BOUND_BETWEEN
  await eventually('more after the last backup', async () => busy.bound >= wanted, { withinMs: 60_000 })
  const keptAfter = await keptMail(stage, 'post')
  await stage.floatip.kill()
  await busy.stop()
  const fresh = (await boundPods(stage)).filter(({ metadata }) => !before.has(metadata.uid))
  expect(fresh.length).toBeGreaterThan(0)
  // Nobody tells floatip of these.
  const [gone] = await boundPods(stage)
  await stage.kube.delete(`${paths.pods(NS)}/${gone?.metadata.name}`)
  return { folder, last: `b${BACKUPS}.db`, keptBefore, keptAfter, fresh: fresh.filter(each => each !== gone) }
}

async function revived({ stage }: Desk, data: string, flags: readonly string[]): Promise<Floatip> {
  const port = Number(new URL(stage.floatip.url).port)
  const apiPort = Number(new URL(stage.floatip.apiUrl).port)
  const kubeconfig =
    stage.cluster.kind === 'demo' ? stage.cluster.adminKubeconfig : join(stage.cluster.folder, 'floatip.kubeconfig')
  const floatip = await startFloatip({ kubeconfig, folder: data, port, apiPort, flags })
  later.push(floatip)
  return floatip
}

/** Every pod runs with an address of its own, floatip has it for that very pod, and nothing differs anywhere. */
async function expectSound({ stage, hand }: Desk, floatip: Floatip): Promise<void> {
  await eventually(
    'every pod runs',
    async () => (await stage.kube.list<Pod>(paths.pods(NS))).every(({ status }) => status?.phase === 'Running'),
    { withinMs: 90_000 },
  )
  const pods = await boundPods(stage)
  const owners = new Map<string, string>()
  for (const each of pods) {
    const [address = 'none'] = addressesOf(each)
    expect(owners.get(address), `${each.metadata.name} and another one have ${address}`).toBeUndefined()
    owners.set(address, each.metadata.name)
    expect(await shown(floatip, address)).toMatchObject({ state: 'bound', podUid: each.metadata.uid })
  }
  await eventually('nothing differs', async () => (await hand.floatip('check')).code === 0, { withinMs: 90_000 })
  const used = await fetch(`${floatip.apiUrl}/v1/ip?keyword=NULL_${NS}_&size=1`)
  expect(((await used.json()) as { totalElements: number }).totalElements).toBe(
    pods.filter(({ metadata }) => metadata.name.startsWith('w') || metadata.name.startsWith('new')).length,
  )
}

async function another({ stage }: Desk): Promise<void> {
  for (const name of ['new-1', 'new-2', 'new-3']) {
    await stage.kube.create(paths.pods(NS), pod(name, { stage: 'load' }))
    await runningPod(stage.kube, NS, name)
  }
}

describe('backups under load, a kill, and a new ledger', () => {
  test(
    'from FloatingIP objects and pods: what happened after the backup is adopted, the history of before is there',
    async () => {
      const desk = await begin({})
      const { folder, last, keptBefore, keptAfter, fresh } = await untilKilled(desk)
      const { history } = looked(join(folder, last))
      const data = join(folder, 'second')
      const restored = await desk.hand.floatip(`restore ${last} --data-dir ${data}/data`)
      expect(restored).toMatchObject({
        code: 0,
        text: expect.stringContaining(`${history} changes of history, 0 allocations`),
      })
      const floatip = await revived(desk, data, [])

      await expectSound(desk, floatip)
      for (const each of fresh) {
        const [address = ''] = addressesOf(each)
        expect(await shown(floatip, address)).toMatchObject({ podUid: each.metadata.uid })
      }
      expect(await shown(floatip, keptBefore)).toMatchObject({ state: 'reserved', key: `sts_${NS}_mail_mail-0` })
      expect(await shown(floatip, keptAfter)).toMatchObject({ state: 'reserved', key: `sts_${NS}_post_post-0` })
      const past = await fetch(`${floatip.apiUrl}/v1/ip/${keptBefore}/history?size=100`)
      const { content } = (await past.json()) as { content: { verb: string }[] }
      expect(content.map(({ verb }) => verb)).toContain('keep')
      await another(desk)
      await expectSound(desk, floatip)
    },
    STAGE_LIMIT_MS + LIMIT_MS,
  )

  test(
    'without objects (--replicate=false, restore --allocations): what is kept comes from the backup, the rest from the pods',
    async () => {
      const flags = ['--replicate=false']
      const desk = await begin({ onDemo: true, flags })
      const { folder, last, keptBefore } = await untilKilled(desk)
      const data = join(folder, 'second')
      const restored = await desk.hand.floatip(`restore ${last} --allocations --data-dir ${data}/data`)
      expect(restored).toMatchObject({ code: 0, text: expect.not.stringContaining(' 0 allocations') })
      const floatip = await revived(desk, data, flags)
      expect(await shown(floatip, keptBefore)).toMatchObject({ state: 'reserved', key: `sts_${NS}_mail_mail-0` })
      await expectSound(desk, floatip)
      await another(desk)
      await expectSound(desk, floatip)
    },
    LIMIT_MS,
  )

  test(
    'restore refuses a newer schema, what is no ledger, and a ledger in use; nothing is touched',
    async () => {
      const desk = await begin({ onDemo: true })
      const { stage, folder, hand } = desk
      await stage.kube.create(paths.pods(NS), pod('one', { stage: 'load' }))
      await runningPod(stage.kube, NS, 'one')
      expect((await hand.floatip('backup good.db')).code).toBe(0)

      const newer = new Database(join(folder, 'good.db'))
      newer.run('PRAGMA journal_mode = DELETE')
      newer.run(`VACUUM INTO '${join(folder, 'newer.db')}'`)
      newer.close()
      const changed = new Database(join(folder, 'newer.db'))
      changed.run('PRAGMA user_version = 999')
      changed.close()
      writeFileSync(join(folder, 'notes.db'), 'dear diary '.repeat(1000))
      writeFileSync(join(folder, 'empty.db'), '')
      new Database(join(folder, 'other.db')).run('CREATE TABLE t (a)')

      const refused: readonly (readonly [string, number, RegExp])[] = [
        [
          'newer.db',
          1,
          /newer\.db cannot be restored: it has schema 999, and this floatip knows \d+: use the newer floatip/,
        ],
        ['notes.db', 1, /notes\.db cannot be restored: /],
        ['empty.db', 1, /empty\.db cannot be restored: it is no ledger of floatip/],
        ['other.db', 1, /other\.db cannot be restored: it is no ledger of floatip/],
        ['missing.db', 1, /missing\.db cannot be restored: it is not there/],
      ]
      for (const [file, code, text] of refused) {
        const answer = await hand.floatip(`restore ${file} --data-dir fresh`)
        expect({ file, ...answer }).toEqual({ file, code, text: expect.stringMatching(text) })
        expect(readdirSync(folder).includes('fresh') ? readdirSync(join(folder, 'fresh')) : []).not.toContain(
          'ledger.db',
        )
      }
      const data = join(stage.cluster.folder, 'floatip', 'data')
      const before = readdirSync(data).toSorted()
      const answer = await hand.floatip(`restore good.db --data-dir ${data}`)
      expect(answer).toEqual({ code: 3, text: expect.stringContaining('another floatip process uses the ledger') })
      expect(readdirSync(data).toSorted()).toEqual(before)
      expect((await hand.floatip('ip ls --pod one -o name')).text).toMatch(/^10\./)
    },
    LIMIT_MS,
  )
})
