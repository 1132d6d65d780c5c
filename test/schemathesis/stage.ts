/** Owns what schemathesis asks: a floatip with addresses, pods that come and went, a pool and a past. */
import { run } from '../app/asking.ts'
import { entry, pod, workload } from '../app/objects.ts'
import { openWorld, until } from '../app/world.ts'

export async function stage() {
  const world = await openWorld({
    entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.200')],
    statefulsets: [workload('web', 3)],
    deployments: [workload('app', 2)],
    swagger: true,
  })
  for (const name of ['web-0', 'web-1']) await run(world, pod(name, { owner: 'StatefulSet web', policy: 'immutable' }))
  await run(world, pod('app-x', { owner: 'Deployment app', policy: 'never' }))
  world.api.remove('pods', 'default/app-x')
  await until(() => world.rows().some(ip => world.row(ip) === 'reserved dp_default_app_'))
  world.apiPort.listen({ hostname: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${world.apiPort.server?.port}`
  // A pool that is there from the start.
  await fetch(`${url}/v1/pool`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'web', size: 4 }),
  })
  return { world, url }
}
