/** Owns the second process of the lock test: it tries to open the ledger and says what it was told. */
import { openLedgerFile } from '../../src/store/open.ts'

try {
  openLedgerFile(process.argv[2] ?? '').close()
  process.stdout.write('opened')
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error))
}
