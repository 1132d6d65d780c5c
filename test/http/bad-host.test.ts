/** Owns that a request whose Host is none gets an answer like any other: neither Bun's page of sources, nor its dump in the log. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { closeWorlds, openWorld, type World } from '../app/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ swagger: true })
  world.apiPort.listen({ hostname: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await world.apiPort.stop(true)
  await closeWorlds()
})

/** Status, then the body. */
function asked(path: string, host: string): Promise<[string, string]> {
  const { promise, resolve } = Promise.withResolvers<[string, string]>()
  const socket = connect(world.apiPort.server?.port ?? 0, '127.0.0.1')
  let text = ''
  socket.on('data', data => {
    text += data
  })
  socket.on('close', () => {
    const [head = '', ...body] = text.split('\r\n\r\n')
    resolve([head.split(' ')[1] ?? '', body.join('\r\n\r\n')])
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  return promise
}

for (const host of ['', 'a b c', 'a?b', 'a#b', '/', 'u:p@h', '"><script>']) {
  test(`Host: ${host}`, async () => {
    expect(await asked('/nothing', host)).toEqual(['404', '{"code":404,"message":"no such path"}'])
    expect((await asked('//a%20b', host))[0]).toBe('404')
    const [status, list] = await asked('/v1/ip?page=0', host)
    expect([status, JSON.parse(list).totalElements]).toEqual(['200', 6])
    const [said, listing] = await asked('/apidocs.json/v1', host)
    expect([said, listing.includes('script>')]).toEqual(['200', false])
    expect(world.logged.filter(line => line.startsWith('error'))).toEqual([])
  })
}
