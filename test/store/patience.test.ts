/** Owns the writer among readers: one that has its lock for a moment holds a turn up, and does not make it fail. */
import { afterAll, expect, test } from 'bun:test'
import { journalOf } from '../../src/store/journal.ts'
import { openLedgerFile } from '../../src/store/open.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'

afterAll(removeDirs)

test('a turn waits for the lock', async () => {
  const file = openLedgerFile(tempDir())
  const journal = journalOf(file.db)
  const thread = new Worker(new URL('./lock-thread.ts', import.meta.url))
  const locked = new Promise(resolve => thread.addEventListener('message', resolve, { once: true }))
  thread.postMessage({ path: file.path, forMs: 100 })
  await locked
  expect(() => journal.begin()).not.toThrow()
  journal.rollback()
  thread.terminate()
  file.close()
})
