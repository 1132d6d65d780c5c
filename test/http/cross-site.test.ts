/** Owns that a page of another site, open in the browser of somebody who reaches floatip (`kubectl port-forward`), changes nothing here. */
import { afterEach, expect, test } from 'bun:test'
import { api } from '../app/asking.ts'
import { floatingIp } from '../app/objects.ts'
import { closeWorlds, openWorld } from '../app/world.ts'

afterEach(closeWorlds)

/** A body that no browser asks about before it is sent, by what browsers tell of the page. */
const release = (site: string | null) => ({
  method: 'POST',
  headers: { 'content-type': 'text/plain', ...(site !== null && { 'sec-fetch-site': site }) },
  body: JSON.stringify({ ips: [{ ip: '10.0.0.2', appName: 'web', podName: 'web-0', namespace: 'default' }] }),
})

const world = () => openWorld({ floatingips: [floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 2 })] })

test.each(['cross-site', 'same-site'])('%s: 403, and nothing is done', async site => {
  const it = await world()
  expect(await api(it, '/v1/ip', release(site))).toEqual({
    status: 403,
    body: { code: 403, message: 'a page of another site may change nothing here' },
  })
  expect(it.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
  expect((await api(it, '/v1/ip', { headers: { 'sec-fetch-site': site } })).status).toBe(200)
})

test('the refusal is of the type that all answers in JSON have', async () => {
  const { headers } = await (await world()).apiPort.handle(new Request('http://floatip/v1/ip', release('cross-site')))
  expect(headers.get('content-type')).toBe('application/json')
})

test.each(['same-origin', 'none', null])('%s: the reference page, and scripts', async site => {
  const it = await world()
  expect((await api(it, '/v1/ip', release(site))).status).toBe(200)
  expect(it.row('10.0.0.2')).toBe('free')
})
