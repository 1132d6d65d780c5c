/** Owns the proof of deploy/admission.yaml on the real API server (R6): nobody but floatip writes its answer on a pod. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressesOf, runningPod, runningPods } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { installFile } from './harness/deploy.ts'
import { eventually, KubeError } from './harness/kube.ts'
import { ARGS, deployment, paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const REFUSED = 'common is the answer of floatip and written by it alone; give request_ip_range only'
let stage: Stage
let ns: string

beforeAll(async () => {
  stage = await startStage([{ name: 'guarded', nodes: 1 }])
  ns = await createNamespace(stage.kube, 'guarded', stage.cluster.kind)
  if (kind !== 'control-plane') return
  await installFile(stage.kube, 'admission.yaml')
  await eventually('the policy is in force', async () => (await refused('probe', { args: STOLEN })) !== null)
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const STOLEN = JSON.stringify({ common: { ipinfos: [{ ip: '10.50.0.9/22', vlan: 0, gateway: '10.50.0.1' }] } })

/** Null: it was taken (as a dry run: nothing is made). */
async function refused(name: string, options: { args?: string }): Promise<string | null> {
  return await message(stage.kube.create(`${paths.pods(ns)}?dryRun=All`, pod(name, { stage: 'guarded', ...options })))
}

async function message(asked: Promise<unknown>): Promise<string | null> {
  return await asked.then(
    () => null,
    error => {
      if (error instanceof KubeError) return error.message
      throw error
    },
  )
}

// The demo cluster knows no admission.
describe.if(kind === 'control-plane')('R6 the answer on a pod is written by floatip alone', () => {
  test.each([
    ['as floatip writes it', STOLEN],
    ['beside a request', `{"request_ip_range":[["10.50.0.9"]],${STOLEN.slice(1)}`],
    ['with an escaped name', STOLEN.replace('common', '\\u0063ommon')],
  ])('a pod that comes with it is refused: %s', async (_, args) => {
    expect(await refused('thief', { args })).toContain(REFUSED)
  })

  test.each([
    ['no annotation', {}],
    ['a request', { args: '{"request_ip_range":[["10.50.0.9~10.50.0.20","10.50.0.30-10.50.0.40","10.50.1.0/24"]]}' }],
    ['what is no JSON', { args: 'common' }],
  ])('others are taken: %s', async (_, options) => {
    expect(await refused('honest', options)).toBeNull()
  })

  test(
    'floatip writes it as ever; others may change all else of the pod, and not write it',
    async () => {
      const { kube } = stage
      const path = `${paths.pods(ns)}/p`
      await kube.create(paths.pods(ns), pod('p', { stage: 'guarded' }))
      const running = await runningPod(kube, ns, 'p')
      expect(addressesOf(running)).toHaveLength(1)
      const answer = running.metadata.annotations?.[ARGS] ?? ''
      await kube.patch(path, { metadata: { labels: { touched: 'yes' }, annotations: { other: 'x' } } })
      const other = answer.replace(/"ip":"[^"]+"/, '"ip":"10.50.0.99/22"')
      expect(other).not.toBe(answer)
      const write = (where: string) => message(kube.patch(where, { metadata: { annotations: { [ARGS]: other } } }))
      expect(await write(path)).toContain(REFUSED)
      expect(await write(`${path}/status`)).toContain(REFUSED)
      expect((await kube.get<typeof running>(path)).metadata.annotations?.[ARGS]).toBe(answer)
    },
    LIMIT_MS,
  )

  test(
    'a Binding of somebody else’s that carries it is refused',
    async () => {
      const { kube } = stage
      await kube.create(paths.pods(ns), pod('q', { stage: 'nowhere' }))
      const binding = {
        ...{ apiVersion: 'v1', kind: 'Binding', metadata: { name: 'q', annotations: { [ARGS]: STOLEN } } },
        target: { apiVersion: 'v1', kind: 'Node', name: 'guarded-0' },
      }
      expect(await message(kube.create(`${paths.pods(ns)}/q/binding`, binding))).toContain(REFUSED)
    },
    LIMIT_MS,
  )

  test(
    'a Deployment whose template was copied from a running pod makes no pods; without the answer it does',
    async () => {
      const { kube } = stage
      const path = `${paths.deployments(ns)}/copied`
      await kube.create(paths.deployments(ns), deployment('copied', { stage: 'guarded', replicas: 1, args: STOLEN }))
      await eventually('the Deployment says why', async () => {
        const { status } = await kube.get<{ status?: { conditions?: { type: string; message: string }[] } }>(path)
        return status?.conditions?.some(({ message }) => message.includes(REFUSED))
      })
      await kube.patch(path, { spec: { template: { metadata: { annotations: { [ARGS]: null } } } } })
      expect(await runningPods(kube, ns, 'copied', 1)).toHaveLength(1)
    },
    LIMIT_MS,
  )
})

test.if(kind === 'control-plane')(
  'deploy/maintenance.yaml is a pod that the API server takes, beside that policy',
  async () => {
    await installFile(stage.kube, 'maintenance.yaml')
  },
)
