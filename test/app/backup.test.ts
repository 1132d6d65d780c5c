/** Owns that backups which nobody reads to their end do not fill the disk: each has a copy of the ledger there. */
import { afterAll, expect, test } from 'bun:test'
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { backupsOf } from '../../src/app/backup.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'
import { fastClock } from './clock.ts'
import { until } from './world.ts'

afterAll(removeDirs)

const BYTES = 1_000_000

function stage(speed: number) {
  const dir = tempDir()
  const reader = {
    async copyTo(path: string) {
      writeFileSync(path, Buffer.alloc(BYTES))
      return null
    },
    async rest() {},
  }
  return { dir, backups: backupsOf({ path: join(dir, 'ledger.db'), reader, clock: fastClock(speed) }) }
}

/** Copies that the process has open, with a name or without. */
function openIn(dir: string): number {
  const files = readdirSync('/proc/self/fd').map(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return files.filter(file => file.startsWith(join(dir, 'backup-'))).length
}

test('a few at once are read; one more has to wait until one of them is done, or given up', async () => {
  const { dir, backups } = stage(1)
  const [first, second] = [await backups.make(), await backups.make(), await backups.make()]
  expect(openIn(dir)).toBe(3)
  expect(backups.make()).rejects.toThrow('3 backups are being read: try again when one is done')
  expect((await new Response(first?.stream).arrayBuffer()).byteLength).toBe(BYTES)
  await until(() => openIn(dir) === 2)
  await backups.make()
  await second?.stream.cancel()
  await until(() => openIn(dir) === 2)
  await backups.make()
})

test('a reader that takes nothing for a minute is cut', async () => {
  const { dir, backups } = stage(1_000)
  const stuck = await backups.make()
  const taking = stuck.stream.getReader()
  await taking.read()
  await until(() => openIn(dir) === 0)
  expect(taking.read()).rejects.toThrow('the reader took nothing for 60 s')
})

test('a reader that takes more than a minute, and never pauses so long, has all of it', async () => {
  // A minute is 600 ms: a pause of 60 ms may last ten times as long on a busy machine.
  const { dir, backups } = stage(100)
  const slow = (await backups.make()).stream.getReader()
  let bytes = 0
  for (let read = await slow.read(); !read.done; read = await slow.read()) {
    bytes += read.value.length
    await Bun.sleep(60)
  }
  expect(bytes).toBe(BYTES)
  await until(() => openIn(dir) === 0)
})

test('one that is not read at all is cut, too', async () => {
  const { dir, backups } = stage(1_000)
  await backups.make()
  await until(() => openIn(dir) === 0)
})
