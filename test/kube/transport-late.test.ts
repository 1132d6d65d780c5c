/** Owns the proof that what may not leave does not: after its last moment, however long it stood in line, or where no name is in its path. */
import { expect, test } from 'bun:test'
import { fakeApi } from './api-server.ts'
import { makeCerts } from './certs.ts'
import { connectTo, failureOf, kubeconfig } from './fixtures.ts'

test('R3 asked again when it leaves: what has become too late in the line is not sent', async () => {
  const certs = makeCerts()
  const server = await fakeApi(certs)
  const { api } = connectTo(kubeconfig(certs, server.url, {}))
  let open = () => {}
  const answered = new Promise<void>(resolve => {
    open = resolve
  })
  server.answer = () => ({
    stream: out => {
      out.line({ ok: true })
      void answered.then(() => out.end())
    },
  })
  const crowd = Array.from({ length: 64 }, () => api.request({ method: 'GET', path: '/api/v1/pods' }))
  let may = true
  const late = api.request({ method: 'POST', path: '/late', body: {}, maySend: () => may })
  late.catch(() => {})
  while (server.asked.length < 64) await Bun.sleep(5)
  may = false
  open()
  await Promise.all(crowd)
  expect(String(await failureOf(late))).toContain('POST /late: not sent, it is too late for it')
  expect(server.asked.filter(each => each.path === '/late')).toEqual([])
  await server.stop()
})

test.each(['/api/v1/namespaces/ns/pods/', '/api/v1/namespaces//pods/a', '/pods/.', '/pods/..', '/pods/../nodes/a'])(
  '%s: what would be the path of something else is not sent',
  async path => {
    const certs = makeCerts()
    const server = await fakeApi(certs)
    const { api } = connectTo(kubeconfig(certs, server.url, {}))
    const refused = `Fault: ${path}: not sent, a name in it is none`
    expect(String(await failureOf(api.request({ method: 'DELETE', path })))).toBe(refused)
    expect(String(await failureOf(api.stream({ path })))).toBe(refused)
    expect(server.asked).toEqual([])
    await server.stop()
  },
)
