/** Owns `floatip restore`: a backup becomes the ledger of a floatip that does not run. */
import type { Command } from 'commander'
import { EXIT } from '../lib/exit.ts'
import { restoreLedger } from '../store/restore.ts'

export function restoreCommand(program: Command, done: (code: number) => void): void {
  program
    .command('restore <file>')
    .description('put a backup in the place of the ledger; floatip must not run on it')
    .option('--data-dir <dir>', 'directory of the ledger', '/var/lib/floatip')
    .option(
      '--allocations',
      'also who has which address, not only the history: where no FloatingIP objects tell (--replicate=false)',
      false,
    )
    .addHelpText('after', '\nExample:\n  floatip restore ledger-2026-05-29.db --data-dir /var/lib/floatip')
    .action((file: string, { dataDir: dir, allocations }: { dataDir: string; allocations: boolean }) => {
      const stamp = new Date().toISOString().replaceAll(':', '-')
      const restored = restoreLedger({ dir, file, allocations, stamp })
      process.stdout.write(
        `${dir}/ledger.db: ${restored.history} changes of history, ${restored.allocations} allocations\n`,
      )
      if (!allocations) process.stdout.write('who has which address is read from the cluster at the next start\n')
      if (restored.aside !== null) process.stdout.write(`the ledger that was there: ${restored.aside}\n`)
      done(EXIT.ok)
    })
}
