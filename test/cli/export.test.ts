/** Owns that `floatip export` prints every row that is there all the while, once, whatever happens between its pages. */
import { afterEach, expect, test } from 'bun:test'
import { parseAddress } from '../../src/ip/address.ts'
import { present } from '../../src/lib/assert.ts'
import { entry, floatingIp } from '../app/objects.ts'
import { closeWorlds, openWorld } from '../app/world.ts'
import { type } from './asking.ts'

afterEach(closeWorlds)

const ROWS = 6_000
const ips = Array.from({ length: ROWS }, (_, n) => `10.0.${(n >> 8) + 1}.${n & 255}`)

test('rows that go and come before the place where it is neither hide another nor double one', async () => {
  const world = await openWorld({
    entries: [entry('10.49.0.0/24', '10.0.0.0/16', '10.0.0.2~10.0.40.255')],
    floatingips: ips.map((ip, n) => floatingIp(ip, `sts_default_web_web-${n}`, { policy: 2 })),
  })
  const { ledger } = world
  const free = (ip: string) => {
    const row = present(
      ledger.read(view => view.at(present(parseAddress(ip), ip))),
      ip,
    )
    const { address, owner, revision } = row
    return ledger.submit('release', { at: 1, address, owner, revision, because: 'meanwhile' })
  }
  let pages = 0
  const proxy = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const reply = await world.apiPort.handle(request)
      if (request.url.includes('/v1/ip') && pages++ === 0) await Promise.all(ips.slice(0, 100).map(free))
      return reply
    },
  })
  const { out, code } = await type(`http://127.0.0.1:${proxy.port}`, 'export --json')
  await proxy.stop(true)
  expect([code, pages > 1]).toEqual([0, true])
  const found = (JSON.parse(out) as { ip: string }[]).map(({ ip }) => ip)
  expect(new Set(found).size).toBe(found.length)
  expect(ips.slice(100).filter(ip => !found.includes(ip))).toEqual([])
}, 30_000)
