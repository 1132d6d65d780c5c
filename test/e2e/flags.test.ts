/** Owns the proof that galaxy-ipam's flags and config file start the compiled binary, each as it is meant; the API server is the tests' own. */
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApiServer } from '../app/api-server.ts'
import { configMap, entry, node } from '../app/objects.ts'
import { FLOATIP } from './harness/cluster.ts'
import { freePorts } from './harness/floatip.ts'
import { eventually } from './harness/kube.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

const ENTRIES = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.5')]
const NAMED = (namespace: string, name: string, key: string, value: unknown) => {
  const made = configMap('')
  return { ...made, metadata: { ...made.metadata, namespace, name }, data: { [key]: JSON.stringify(value) } }
}

interface Started {
  readonly port: number
  readonly apiPort: number
  readonly log: () => string
  readonly child: Bun.Subprocess
}

/** With a config file of this content, if any; `floatingip-config` is there unless `maps` says which ConfigMaps are. */
async function start(
  args: readonly string[],
  {
    file,
    maps = [configMap(JSON.stringify(ENTRIES))],
  }: { file?: unknown; maps?: readonly ReturnType<typeof configMap>[] } = {},
): Promise<Started> {
  const api = startApiServer()
  api.put('nodes', node('a1', '10.49.0.11'))
  for (const map of maps) api.put('configmaps', map)
  const dir = mkdtempSync(join(tmpdir(), 'floatip-flags-'))
  const config = join(dir, 'galaxy-ipam.json')
  if (file !== undefined) writeFileSync(config, JSON.stringify(file))
  const [port = 0, apiPort = 0] = await freePorts(2)
  const filled = args.map(arg => arg.replace('{master}', api.url).replace('{host}', new URL(api.url).host))
  const child = Bun.spawn(
    [
      FLOATIP,
      ...[`--port=${port}`, `--api-port=${apiPort}`, `--data-dir=${join(dir, 'data')}`],
      ...(file === undefined ? [] : [`--config=${config}`]),
      ...(args.some(arg => arg.startsWith('--master')) ? [] : [`--master=${api.url}`]),
      ...filled,
      ...(args.some(arg => arg.startsWith('--leader-elect')) ? [] : ['--leader-elect=false']),
    ],
    { cwd: dir, env: {}, stdout: 'ignore', stderr: Bun.file(join(dir, 'log')) },
  )
  ended.push(
    () => rmSync(dir, { recursive: true, force: true }),
    () => api.stop(),
    async () => {
      child.kill('SIGKILL')
      await child.exited
    },
  )
  const log = () => readFileSync(join(dir, 'log'), 'utf8')
  return { port, apiPort, log, child }
}

async function ready({ apiPort, log, child }: Started, host = '127.0.0.1'): Promise<void> {
  await eventually('it is ready', async () => {
    if (child.exitCode !== null) throw new Error(log())
    return (await fetch(`http://${host}:${apiPort}/readyz`)).status === 200
  })
}

const source = async ({ apiPort }: Started) =>
  (await (await fetch(`http://127.0.0.1:${apiPort}/v1/config`)).json()) as { source: string; addresses: number }

describe('flags that galaxy-ipam’s manifests may have', () => {
  test.each([
    ['those of its manifest', ['--logtostderr=false', '--log-dir=/data/galaxy-ipam/logs', '--profiling', '--v=4']],
    [
      'klog’s, each',
      [
        '--logtostderr',
        '--alsologtostderr=true',
        '--vmodule=gopher*=3',
        '--log-file=/x',
        '--log-file-max-size=1800',
        '--log-backtrace-at=gopherflakes.go:234',
        '--stderrthreshold=2',
        '--log-flush-frequency=5s',
        '--skip-headers',
        '--skip-log-headers',
        '--add-dir-header',
        '--one-output',
      ],
    ],
    ['klog’s, as klog writes them', ['--log_dir=/x', '--add_dir_header=true', '--log_backtrace_at=x.go:1', '--v', '3']],
    ['the short form of the verbosity', ['-v=3']],
    ['the same with a space', ['-v', '3']],
    [
      'the timing of its election',
      [
        '--leader-elect=false',
        '--leader-elect-lease-duration=20s',
        '--leader-elect-renew-deadline=15s',
        '--leader-elect-retry-period=1.5s',
      ],
    ],
    ['with the command’s name before them', ['--swagger=false', '--profiling=false']],
  ])('%s', async (_, args) => {
    const started = await start(args)
    await ready(started)
    expect(started.log()).not.toContain('not built yet')
  })

  test.each([
    ['--v=4', 'debug'],
    ['--v=3', 'info'],
    ['-v=5', 'debug'],
    ['--log-level=warn', 'warn'],
  ])('%s: the level is %s', async (flag, level) => {
    const started = await start([flag])
    await ready(started)
    expect(await (await fetch(`http://127.0.0.1:${started.apiPort}/v1/log-level`)).json()).toMatchObject({ level })
  })

  test('a lock that is no Lease: one warning line, and it starts', async () => {
    const started = await start(['--leader-elect-resource-lock=endpoints'])
    await eventually('it warned', async () => started.log().includes('not built yet'))
    expect(
      started
        .log()
        .split('\n')
        .filter(line => line.includes('not built yet')),
    ).toEqual([expect.stringContaining('"flag":"--leader-elect-resource-lock=endpoints"')])
    await eventually('it answers', async () => (await fetch(`http://127.0.0.1:${started.apiPort}/livez`)).ok)
  })
})

describe('--bind', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1', '[::1]'],
    ['::1', '[::1]', '127.0.0.1'],
    ['[::1]', '[::1]', '127.0.0.1'],
  ])('%s: both ports answer there, and only there', async (bind, there, elsewhere) => {
    const started = await start([`--bind=${bind}`])
    await ready(started, there)
    expect(await (await fetch(`http://${there}:${started.port}/healthy`)).text()).toBe('ok')
    for (const port of [started.port, started.apiPort])
      expect(fetch(`http://${elsewhere}:${port}/healthy`)).rejects.toThrow()
  })

  test.each(['::', '0.0.0.0'])('%s: all addresses', async bind => {
    const started = await start([`--bind=${bind}`])
    await ready(started)
    expect(await (await fetch(`http://127.0.0.1:${started.port}/healthy`)).text()).toBe('ok')
    if (bind === '::') expect(await (await fetch(`http://[::1]:${started.port}/healthy`)).text()).toBe('ok')
  })
})

test.each(['{master}', '{host}', '{master}/'])('--master=%s', async master => {
  await ready(await start([`--master=${master}`]))
})

describe('the config file', () => {
  const plugin = (fields: object) => ({ schedule_plugin: fields })

  test.each([
    ['empty', {}],
    [
      'of galaxy-ipam’s manifest, with what nobody knows any more',
      plugin({ database: { driver: 'mysql', maxConn: 10_000 }, storageDriver: 'k8s-crd' }),
    ],
    ['with unknown fields beside schedule_plugin', { ...plugin({}), other: [1, 2] }],
    [
      'with nulls',
      { schedule_plugin: { resyncInterval: null, floatingips: null, configMapName: null, cloudProviderGrpcAddr: '' } },
    ],
    ['resyncInterval 0', plugin({ resyncInterval: 0 })],
    ['resyncInterval 5', plugin({ resyncInterval: 5 })],
    ['resyncInterval beyond all timers', plugin({ resyncInterval: 1_000_000 })],
    ['an empty list of entries: they are in the ConfigMap', plugin({ floatingips: [] })],
  ])('%s', async (_, file) => {
    const started = await start([], { file })
    await ready(started)
    expect(await source(started)).toMatchObject({
      source: 'ConfigMap kube-system/floatingip-config, key floatingips',
      addresses: 4,
    })
    await Bun.sleep(300)
    expect(
      started
        .log()
        .split('\n')
        .filter(line => line.includes('resync')),
    ).toEqual([])
  })

  test.each([-1, '1', true])('resyncInterval %p is refused', async resyncInterval => {
    const started = await start([], { file: plugin({ resyncInterval }) })
    expect(await started.child.exited).toBe(2)
    expect(started.log()).toContain('schedule_plugin.resyncInterval must be a number of minutes above 0')
  })

  test('another ConfigMap, namespace and key', async () => {
    const file = plugin({ configMapName: 'mine', configMapNamespace: 'net', floatingipKey: 'ips' })
    const started = await start([], { file, maps: [NAMED('net', 'mine', 'ips', ENTRIES)] })
    await ready(started)
    expect(await source(started)).toMatchObject({ source: 'ConfigMap net/mine, key ips', addresses: 4 })
  })

  test('entries in the file itself: no ConfigMap is needed, and one that is there has no say', async () => {
    const maps = [configMap(JSON.stringify([entry('10.49.0.0/24', '10.7.0.0/24', '10.7.0.2')]))]
    for (const each of [[], maps]) {
      const started = await start([], { file: plugin({ floatingips: ENTRIES }), maps: each })
      await ready(started)
      expect(await source(started)).toMatchObject({ source: 'the config file', addresses: 4 })
    }
  })
})
