/** Owns that a name in a path is a name and nothing else: what no object can be called reaches no other object of the API server. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { closeWorlds, openWorld, until, type World } from '../app/world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld()
  // A port of its own: a Request would take the dots out of the path.
  world.apiPort.listen({ hostname: '127.0.0.1', port: 0 })
  const metadata = { name: 'web', namespace: 'kube-system', uid: 'web#1', resourceVersion: '1', generation: 1 }
  world.api.put('pools', { metadata, size: 4 })
  await until(() => world.ports.cluster.poolInForce('web') !== null)
})
afterAll(async () => {
  await world.apiPort.stop(true)
  await closeWorlds()
})

async function asked(method: string, path: string, body = ''): Promise<{ status: number; message: string }> {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    const head = `${method} ${path} HTTP/1.1\r\nhost: floatip\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`
    const socket = connect(world.apiPort.server?.port ?? 0, '127.0.0.1', () => socket.write(head + body))
    socket.on('data', chunk => {
      text += String(chunk)
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
  const { message } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as { message: string }
  return { status: Number(answer.split(' ')[1]), message }
}

const names = [
  ['%2e', '.'],
  ['%2e%2e', '..'],
  ['%2e%2e%2fweb', '../web'],
  ['a%2fb', 'a/b'],
] as const

for (const [name, text] of names) {
  for (const method of ['GET', 'DELETE']) {
    test(`${method} /v1/pool/${name}: there is no such pool`, async () => {
      expect(await asked(method, `/v1/pool/${name}`)).toEqual({ status: 404, message: `not found: pool ${text}` })
      expect(world.api.get('pools', 'kube-system/web')).toBeDefined()
    })
  }
  test(`the pod ${text} does not exist, in whatever namespace`, async () => {
    const of = (path: string) => asked('GET', `/v1/explain/pods/${path}`)
    expect(await of(`default/${name}`)).toEqual({ status: 404, message: `pod default/${text} does not exist` })
    expect(await of(`${name}/web`)).toEqual({ status: 404, message: `pod ${text}/web does not exist` })
  })
}

test.each(['', '.', '..', '../web', 'a/b'])('a plan for a workload %p is refused', async name => {
  const scale = (namespace: string, workload: string) =>
    asked('POST', '/v1/plan', JSON.stringify({ scale: { kind: 'Deployment', namespace, name: workload, replicas: 2 } }))
  const what = (field: string) => `scale.${field} must be a DNS-1123 name such as web, not ${JSON.stringify(name)}`
  expect(await scale('default', name)).toEqual({ status: 400, message: what('name') })
  expect(await scale(name, 'web')).toEqual({ status: 400, message: what('namespace') })
})
