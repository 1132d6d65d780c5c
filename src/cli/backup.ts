/** Owns `floatip backup`: the whole ledger as one file, while floatip goes on. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { UsageFault } from '../lib/exit.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import { piecesOf } from './client.ts'
import { acting, type Session, type Surface, withServer } from './command.ts'

export function backupCommand(program: Command, surface: Surface): void {
  withServer(program.command('backup <file>'))
    .description('save the ledger, with its history, while floatip goes on')
    .addHelpText(
      'after',
      '\nThe file - is the standard output.\n\nExamples:\n  floatip backup ledger-$(date +%F).db\n  kubectl -n kube-system exec deploy/floatip -- floatip backup - > ledger.db',
    )
    .action(acting(surface, backup))
}

/** Written beside the file first: what has the name is whole. */
async function backup({ client, terminal, progress }: Session, file: string): Promise<undefined> {
  if (file === '-') return await toStandardOutput({ client, terminal })
  const reply = await client.stream('/v1/backup')
  const total = Number(reply.headers.get('content-length') ?? 0)
  const told = progress('bytes')
  const partial = `${file}.partial`
  let size = 0
  try {
    const out = openSync(partial, 'w', 0o600)
    try {
      for await (const chunk of piecesOf(reply)) {
        // Not writeSync, which writes a part where there is room for no more.
        writeFileSync(out, chunk)
        size += chunk.length
        told(size, Math.max(total, size))
      }
      fsyncSync(out)
    } finally {
      closeSync(out)
    }
    renameSync(partial, file)
  } catch (error) {
    rmSync(partial, { force: true })
    throw new Fault(`${file} could not be written: ${messageOf(error)}`, { retryable: false, cause: error })
  }
  terminal.out(`${file}: ${size} bytes\n`)
}

async function toStandardOutput({ client, terminal }: Pick<Session, 'client' | 'terminal'>): Promise<undefined> {
  if (process.stdout.isTTY) throw new UsageFault('a ledger is nothing for a terminal to show: name a file, or redirect')
  const reply = await client.stream('/v1/backup')
  for await (const chunk of piecesOf(reply)) {
    // Piece by piece, as they are taken. What becomes of one that is not, the terminal knows.
    await new Promise<void>(resolve => void process.stdout.write(chunk, () => resolve()))
    if (!terminal.isRead) throw new Fault('the backup was not taken to its end', { retryable: false })
  }
}
