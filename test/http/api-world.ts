/** Owns the stage of the API's tests: how a person asks, and two small clusters to ask about. */
import { api, run } from '../app/asking.ts'
import { entry, pod, workload } from '../app/objects.ts'
import { openWorld, until, type World, type WorldOptions } from '../app/world.ts'

export interface Item {
  readonly ip: string
  readonly [field: string]: unknown
}
export interface Page {
  readonly content: readonly Item[]
  readonly [field: string]: unknown
}

export const list = async (world: World, query = '') => (await api<Page>(world, `/v1/ip${query}`)).body
export const ips = async (world: World, query = '') => (await list(world, query)).content.map(({ ip }) => ip)

export async function release(world: World, ...items: object[]) {
  const headers = { 'content-type': 'application/json' }
  return api<{ code: number }>(world, '/v1/ip', { method: 'POST', headers, body: JSON.stringify({ ips: items }) })
}

export const sts = (name: string) => pod(name, { owner: 'StatefulSet sts', policy: 'never' })

/** The user's document: a StatefulSet with two addresses, its pods gone. */
export async function documented(): Promise<World> {
  const entries = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.112', '10.0.0.174')]
  const world = await openWorld({ entries })
  for (const name of ['sts-0', 'sts-1']) await run(world, sts(name))
  for (const name of ['sts-0', 'sts-1']) world.api.remove('pods', `default/${name}`)
  await until(() => ['10.0.0.112', '10.0.0.174'].every(ip => world.row(ip).startsWith('reserved')))
  return world
}

/** Three kinds of owners: a StatefulSet's pod, a Deployment's kept address, a bare pod; one address free. */
export async function mixed(options: WorldOptions = {}): Promise<World> {
  const world = await openWorld({
    entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.9~10.0.0.12')],
    deployments: [workload('app', 1)],
    ...options,
  })
  await run(world, sts('sts-0'))
  await run(world, pod('app-x', { owner: 'Deployment app', policy: 'never' }))
  await run(world, pod('bare'))
  world.api.remove('pods', 'default/app-x')
  await until(() => world.row('10.0.0.10') === 'reserved dp_default_app_')
  return world
}
