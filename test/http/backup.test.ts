/** Owns GET /v1/backup: one consistent ledger, taken under load, that opens and searches; and nothing is left behind. */
import { Database } from 'bun:sqlite'
import { afterAll, afterEach, expect, test } from 'bun:test'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLedgerFile } from '../../src/store/open.ts'
import { openReads } from '../../src/store/reads.ts'
import { api, run } from '../app/asking.ts'
import { entry, pod } from '../app/objects.ts'
import { closeWorlds, openWorld, startWorld, type World } from '../app/world.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'

afterEach(closeWorlds)
afterAll(removeDirs)

const backup = (world: World) => world.apiPort.handle(new Request('http://floatip/v1/backup'))
const copies = (dir: string) => readdirSync(dir).filter(name => name.startsWith('backup'))

test('under load: a ledger whose rows and history agree; a floatip starts on it', async () => {
  const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/16', '10.0.1.0~10.0.4.255')] })
  let stop = false
  let bound = 0
  const load = Array.from({ length: 8 }, async (_, worker) => {
    while (!stop) await run(world, pod(`p${worker}-${bound++}`))
  })
  while (bound < 100) await Bun.sleep(5)
  const before = bound
  const response = await backup(world)
  expect(response.headers.get('content-type')).toBe('application/vnd.sqlite3')
  expect(response.headers.get('content-disposition')).toMatch(
    /^attachment; filename="floatip-\d{4}-\d\d-\d\dT\d{6}Z\.db"$/,
  )
  const bytes = new Uint8Array(await response.arrayBuffer())
  stop = true
  await Promise.all(load)
  expect(copies(world.dir)).toEqual([])

  const dir = tempDir()
  writeFileSync(join(dir, 'ledger.db'), bytes)
  const db = new Database(join(dir, 'ledger.db'))
  expect(db.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  // Every address in it got there by its last change in it.
  expect(
    db
      .query(`SELECT count(*) AS wrong FROM allocation a WHERE a.key IS NOT
      (SELECT key_after FROM history h WHERE h.address = a.address ORDER BY id DESC LIMIT 1)`)
      .get(),
  ).toEqual({ wrong: 0 })
  db.close()
  const file = openLedgerFile(dir)
  const all = { sort: 'ip', descending: false, offset: 0, limit: 1 } as const
  expect(openReads(file.path).search({ ...all, keyword: 'NULL_default' }).total).toBeGreaterThanOrEqual(before - 8)
  file.close()
}, 30_000)

test('one at a time; a process that is not ready gives one too; what a crash left over is removed', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'backup-0b1e.db'), 'half')
  const world = startWorld({ entries: null, dir })
  expect(copies(dir)).toEqual([])
  const [one, two] = await Promise.all([backup(world), api(world, '/v1/backup')])
  expect(one.status).toBe(200)
  expect(two).toEqual({
    status: 503,
    body: { code: 503, message: 'another backup is being made: try again when it is done' },
  })
  await one.arrayBuffer()
})
