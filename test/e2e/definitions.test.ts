/** Owns the proof that floatip works on galaxy-ipam's definitions as they are, and that they gain what they lack as soon as it may. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { runningPod } from './harness/addresses.ts'
import { type Cluster, kind, startCluster } from './harness/cluster.ts'
import { accountKubeconfig, install } from './harness/deploy.ts'
import { schedulerConfig } from './harness/extenderTap.ts'
import { type Floatip, freePorts, startFloatip } from './harness/floatip.ts'
import { galaxysObject, installGalaxysDefinitions } from './harness/galaxy.ts'
import { connect, eventually, type Kube, type KubeObject } from './harness/kube.ts'
import { kubectl, kubectlCommand } from './harness/kubectl.ts'
import { node, paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS } from './harness/stage.ts'

const LIMIT_MS = 120_000
const ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles/floatip'
const FLOATINGIPS = JSON.stringify([
  { nodeSubnets: ['10.49.0.0/24'], ips: ['10.50.0.2~10.50.0.99'], subnet: '10.50.0.0/24', gateway: '10.50.0.1' },
])
/** The document's example, as printed. */
const EXAMPLE = 'apiVersion: galaxy.k8s.io/v1alpha1\nkind: Pool\nmetadata:\n  name: example-pool\nsize: 4\n'
/** galaxy-ipam looked at the first one only. */
const POOLS = [
  ['kube-system', 'kept', false],
  ['default', 'ignored', true],
  ['default', 'ahead', true],
] as const

let cluster: Cluster
let kube: Kube
let kubeconfig: string
let ns: string
let floatip: Floatip | undefined

interface Role extends KubeObject {
  readonly rules: { readonly resources: string[]; readonly resourceNames?: string[]; readonly verbs: string[] }[]
}

beforeAll(async () => {
  if (kind === 'demo') return
  const [port = 0] = await freePorts(1)
  cluster = await startCluster({ schedulerConfig: schedulerConfig(`http://127.0.0.1:${port}`) })
  kube = await connect(cluster.adminKubeconfig)
  await installGalaxysDefinitions(kube)
  await install(kube, FLOATINGIPS, { definitions: false })
  await kube.create(paths.nodes, node('n1', '10.49.0.11', 'defs'))
  kubeconfig = await accountKubeconfig(kube, cluster.adminKubeconfig, cluster.folder)
  ns = await createNamespace(kube, 'defs', cluster.kind)
  const attribute = JSON.stringify({ NodeName: '', Uid: '' })
  for (const [at, pool] of ['kept', 'kept', 'ignored', 'ignored'].entries()) {
    const object = galaxysObject({ address: `10.50.0.${at + 2}`, key: `pool__${pool}_`, policy: 2, attribute })
    await kube.create(paths.floatingIps, object)
  }
  for (const [namespace, name, preAllocateIP] of POOLS) {
    const pool = { apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', metadata: { name }, size: 1, preAllocateIP }
    await kube.create(paths.pools(namespace), pool as KubeObject)
  }
  starter = async (folder, flags) => {
    await floatip?.stop()
    const [apiPort = 0] = await freePorts(1)
    floatip = await startFloatip({ kubeconfig, folder: `${cluster.folder}/${folder}`, port, apiPort, flags })
    return floatip
  }
}, STAGE_LIMIT_MS)

let starter: (folder: string, flags: readonly string[]) => Promise<Floatip>

afterAll(async () => {
  await floatip?.kill()
  await cluster?.stop()
}, LIMIT_MS)

const columns = async (plural: string) =>
  (await kubectl(cluster.adminKubeconfig, ['get', plural, '-A'])).split('\n')[0]?.split(/\s{2,}/) ?? []
const apply = () => kubectl(cluster.adminKubeconfig, ['apply', '-f', '-'], EXAMPLE)

async function serves(name: string): Promise<void> {
  await kube.create(paths.pods(ns), pod(name, { stage: 'defs' }))
  await runningPod(kube, ns, name)
}

/** What log lines of this kind say. */
function logged(file: string, msg: string): Record<string, unknown>[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.startsWith('{'))
  return lines.map(line => JSON.parse(line) as Record<string, unknown>).filter(each => String(each.msg).startsWith(msg))
}

async function rights(verbs: readonly string[]): Promise<void> {
  const { rules } = await kube.get<Role>(ROLE)
  const isOurs = (rule: Role['rules'][number]) =>
    rule.resources.includes('customresourcedefinitions') && rule.resourceNames !== undefined
  await kube.patch(ROLE, { rules: rules.map(rule => (isOurs(rule) ? { ...rule, verbs } : rule)) })
}

describe.skipIf(kind === 'demo')('galaxy-ipam’s definitions', () => {
  test(
    'with --install-crds=false stay as they are, and everything works on them',
    async () => {
      const { logFile } = await starter('untouched', ['--install-crds=false'])
      await serves('one')
      expect(await columns('fip')).toEqual(['NAME', 'AGE'])
      expect(apply()).rejects.toThrow('preAllocateIP')
      await eventually(
        'it is said that no pool shows a status',
        async () => logged(logFile, 'the definition of Pool has no status').length === 1,
      )
    },
    LIMIT_MS,
  )

  test(
    'that floatip has no right to change stay too; its one warning has the command that an administrator can run',
    async () => {
      await rights(['get'])
      const { logFile } = await starter('without-rights', [])
      await serves('two')
      const [warning, ...more] = logged(logFile, 'the custom resource definitions stay as they are')
      expect(more).toEqual([])
      expect(warning?.missing).toContain('a Pool without preAllocateIP is rejected')
      const [command = ''] = Array.isArray(warning?.run) ? warning.run.filter(each => /floatingips/.test(each)) : []
      const words = [...(await kubectlCommand()), '--kubeconfig', cluster.adminKubeconfig].join(' ')
      const shell = Bun.spawn(['sh', '-c', command.replace(/^kubectl/, words)], { stdout: 'ignore', stderr: 'inherit' })
      expect(await shell.exited).toBe(0)
      await eventually('its columns', async () => (await columns('fip')).includes('OWNER'))
      expect(await columns('pools')).toEqual(['NAMESPACE', 'NAME', 'AGE'])
    },
    LIMIT_MS,
  )

  test(
    'gain columns, status and an optional preAllocateIP at the next start: the document’s Pool applies as printed',
    async () => {
      await rights(['get', 'patch'])
      await starter('with-rights', [])
      await serves('three')
      expect(await columns('fip')).toEqual(['NAME', 'OWNER', 'POLICY', 'ATTRIBUTE', 'AGE'])
      await eventually('the document’s Pool', async () => (await apply()).includes('example-pool'))
      await eventually('its status', async () => {
        const table = await kubectl(cluster.adminKubeconfig, ['get', 'pools', '-A'])
        return /example-pool +4 +0 +0/.test(table) && / kept +1 +2 +0/.test(table)
      })
    },
    LIMIT_MS,
  )

  test(
    'R22 a size below what galaxy-ipam kept released nothing through three starts; changed, it does',
    async () => {
      const stored = async () => {
        const all = await kube.list<KubeObject & { spec: { key: string } }>(paths.floatingIps)
        return POOLS.map(([, name]) => all.filter(({ spec }) => spec.key === `pool__${name}_`).length)
      }
      expect(await stored()).toEqual([2, 2, 0])
      const ahead = await kubectl(cluster.adminKubeconfig, ['get', 'pool', 'ahead', '-o', 'yaml'])
      expect(ahead).toContain('reason: Inherited')
      for (const [namespace, name] of POOLS) {
        await kube.patch(`${paths.pools(namespace)}/${name}`, { size: name === 'ahead' ? 3 : 0 })
      }
      await eventually('what is asked for now is carried out', async () => Bun.deepEquals(await stored(), [0, 0, 3]))
    },
    LIMIT_MS,
  )
})
