/** Owns docs/transcripts/cli.md: the commands are typed for real at floatip on the demo cluster; with FLOATIP_WRITE=1 the page is written, else it is what they print. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runningPod } from './harness/addresses.ts'
import { FLOATIP } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { deployment, paths, pod, statefulSet } from './harness/objects.ts'
import { cordon, createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'
import { normalised, type Typist, typist } from './harness/terminal.ts'

const LIMIT_MS = 120_000
const PAGE = join(import.meta.dir, '../../docs/transcripts/cli.md')
const NS = 'shop'
const text: string[] = [
  '# Transcripts: the command line',
  '',
  'What the main commands print ([all of them](../reference/cli.md)). Typed for real, compiled binary and demo cluster, by',
  '`bun test/e2e/run.ts cli`, which fails when they print something else (but for times, ids and sizes); `FLOATIP_WRITE=1` writes this page.',
  '`FLOATIP_SERVER` is set. On a terminal there are colours besides, and lines are as wide as it is.',
]
let stage: Stage
let hand: Typist
let folder: string

beforeAll(async () => {
  stage = await startStage(
    [
      { name: 'rack', nodes: 2, ips: third => [`${third}.10~${third}.41`] },
      { name: 'tight', nodes: 1, ips: third => [`${third}.10~${third}.11`] },
    ],
    { onDemo: true },
  )
  folder = join(stage.cluster.folder, 'desk')
  mkdirSync(folder)
  hand = typist(stage.floatip.apiUrl, folder)
  await createNamespace(stage.kube, NS, 'demo')
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

function chapter(title: string, ...about: string[]): void {
  text.push('', `## ${title}`)
  if (about.length > 0) text.push('', ...about)
}

/** One line typed, and what came. */
async function types(line: string, code = 0, note = ''): Promise<string> {
  const shown = await hand.floatip(line)
  const after = shown.code === 0 ? [] : [`[exit code ${shown.code}]`]
  text.push('', ...(note === '' ? [] : [note, '']), '```', `$ floatip ${line}`, shown.text.trimEnd(), ...after, '```')
  expect({ line, code: shown.code, text: shown.text }).toEqual({ line, code, text: expect.any(String) })
  return shown.text
}

const scaleTo = (set: string, replicas: number) =>
  stage.kube.patch(`${paths.statefulSets(NS)}/${set}`, { spec: { replicas } })

/** One after the other, on rack-0: so that each run gives the same addresses on the same nodes. */
async function furnish(): Promise<void> {
  const { kube } = stage
  await cordon(kube, 'rack-1')
  await kube.create(paths.statefulSets(NS), statefulSet('db', { stage: 'rack', replicas: 1, policy: 'immutable' }))
  await runningPod(kube, NS, 'db-0')
  await scaleTo('db', 2)
  await runningPod(kube, NS, 'db-1')
  await kube.create(paths.statefulSets(NS), statefulSet('mail', { stage: 'rack', replicas: 1, policy: 'never' }))
  await runningPod(kube, NS, 'mail-0')
  await kube.create(paths.deployments(NS), deployment('web', { stage: 'rack', replicas: 1 }))
  await eventually('a pod of web runs', async () => {
    const pods = await kube.list<ReturnType<typeof pod>>(`${paths.pods(NS)}?labelSelector=app%3Dweb`)
    return pods.length === 1 && pods[0]?.status?.phase === 'Running'
  })
  for (const name of ['first', 'second']) {
    await kube.create(paths.pods(NS), pod(name, { stage: 'tight' }))
    await runningPod(kube, NS, name)
  }
  await kube.create(paths.pods(NS), pod('third', { stage: 'tight' }))
  await eventually('third waits', async () => (await explained('third')) === 'no-address-left')
  await cordon(kube, 'rack-1', false)
  await kube.delete(`${paths.statefulSets(NS)}/mail`)
  await eventually('mail is gone', async () => (await kube.find(`${paths.pods(NS)}/mail-0`)) === null)
  await eventually('its address is kept', async () => {
    const found = await fetch(`${stage.floatip.apiUrl}/v1/ip?appName=mail&appType=statefulset`)
    return ((await found.json()) as { content: { releasable: boolean }[] }).content[0]?.releasable === true
  })
}

async function explained(name: string): Promise<string> {
  const found = await fetch(`${stage.floatip.apiUrl}/v1/explain/pods/${NS}/${name}`)
  return ((await found.json()) as { reason: string }).reason
}

test(
  'a day at the terminal',
  async () => {
    await furnish()
    chapter('Who has which address')
    await types('ip ls')
    await types('ip ls --app db -o wide')
    await types('ip ls --app db --pod db-0 -o yaml')
    await types('ip ls --kept-longer-than 0s -o name', 0, 'Addresses that no pod has, for another program:')
    await types('ip show 10.50.0.10')
    await types('ip history 10.50.0.12')

    chapter('Why does this pod wait?')
    expect(await types(`explain pod ${NS}/third`)).toContain('no-address-left')
    await types(`explain pod ${NS}/db-0`)

    chapter('How full is it?')
    await types('subnet ls')
    await types('subnet map')

    chapter('Before something is done', 'The exit code is 4 when a pod would wait for an address or lose it.')
    await types('plan drain rack-0', 0, 'The other node of the rack takes them:')
    await types('plan drain tight-0', 4)
    await types(`plan scale statefulset ${NS}/db 4`)
    await types(`plan scale statefulset ${NS}/db 33 | tail -n 4`, 0)

    chapter('Addresses for pods that are not there yet')
    const id = /^\w{8}-\w{4}/m.exec(
      await types(`ip reserve --app cache --namespace ${NS} --count 2 --contiguous --for 7d --note launch`),
    )
    await types('ip reserve 10.50.0.41 --note printer')
    await types('ip reservations')
    await types(`ip unreserve ${id?.[0]}`)

    chapter('Giving addresses back')
    await types('ip release 10.50.0.10 --yes', 5, 'One that a pod has stays:')
    await types('ip release --app mail', 2, 'Without `--yes` it asks; here nobody can be asked:')
    await types('ip release --app mail --yes')

    chapter('Named pools')
    await types('pool set front 3 --preallocate')
    await types('pool ls')
    await types('pool show front')
    await types('pool rm front')

    chapter('The configuration')
    await types('config show')
    writeFileSync(
      join(folder, 'wrong.json'),
      '[{"nodeSubnets":["10.49.0.0/24"],"ips":["10.50.0.10~10.50.0.9"],"subnet":"10.50.0.0/22","gateway":"10.50.0.1"}]',
    )
    await types('config validate wrong.json', 1)
    writeFileSync(
      join(folder, 'smaller.json'),
      JSON.stringify([
        { nodeSubnets: ['10.49.0.0/24'], ips: ['10.50.0.10~10.50.0.41'], subnet: '10.50.0.0/22', gateway: '10.50.0.1' },
      ]),
    )
    await types('config validate smaller.json')
    await types('plan config smaller.json', 4, 'What would it do?')

    chapter('Do ledger, objects and pods agree?')
    await eventually('all is written', async () => (await hand.floatip('check')).code === 0)
    await types('check')

    chapter('What happened')
    await types('events')

    chapter('Backup, export, import')
    await types('backup ledger.db')
    await types('export --csv')
    await hand.floatip('export > addresses.json')
    await types('import --from json --dry-run addresses.json')
    writeFileSync(
      join(folder, 'wish.csv'),
      `ip,namespace,appType,appName,podName,policy\n10.50.0.30,${NS},statefulset,queue,queue-0,2\n10.50.0.10,${NS},statefulset,queue,queue-1,2\n`,
    )
    await types('import --from csv --dry-run wish.csv', 5, 'All or nothing; what is in conflict is listed:')

    chapter('When something is wrong')
    await types('ip shwo 10.50.0.10', 2)
    await types('ip show 10.99.0.1', 1)
    await types('ip ls --server http://127.0.0.1:1', 1)

    const page = `${text.join('\n')}\n`
    if (process.env.FLOATIP_WRITE === '1') writeFileSync(PAGE, page)
    expect(normalised(page)).toBe(normalised(readFileSync(PAGE, 'utf8')))
  },
  LIMIT_MS,
)

test(
  'by the name of a kubectl plugin, also through a link: options that come first are those of the command, not of serve',
  async () => {
    const plugin = join(folder, 'kubectl-floatip')
    symlinkSync(resolve(FLOATIP), plugin)
    const answer = async (...args: string[]) => {
      const child = Bun.spawn([plugin, ...args], { stdout: 'pipe', stderr: 'pipe' })
      const out = await new Response(child.stdout).text()
      return { code: await child.exited, out }
    }
    expect((await answer('--help')).out).toStartWith('Usage: kubectl floatip ')
    const named = await answer('--server', stage.floatip.apiUrl, 'ip', 'ls', '--pod', 'first', '-o', 'name')
    expect(named).toEqual({ code: 0, out: '10.50.4.10\n' })
  },
  LIMIT_MS,
)
