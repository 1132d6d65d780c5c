/** Owns `floatip backup`: the whole ledger as one file, while floatip goes on. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { Command } from 'commander'
import { Fault, messageOf } from '../lib/fault.ts'
import { acting, type Session, type Surface, withServer } from './command.ts'

export function backupCommand(program: Command, surface: Surface): void {
  withServer(program.command('backup <file>'))
    .description('save the ledger, with its history, while floatip goes on')
    .addHelpText('after', '\nExample:\n  floatip backup ledger-$(date +%F).db')
    .action(acting(surface, backup))
}

/** Written beside the file first: what has the name is whole. */
async function backup({ client, terminal, progress }: Session, file: string): Promise<undefined> {
  const reply = await client.stream('/v1/backup')
  const total = Number(reply.headers.get('content-length') ?? 0)
  const told = progress('bytes')
  const partial = `${file}.partial`
  let size = 0
  try {
    const out = openSync(partial, 'w', 0o600)
    try {
      for await (const chunk of reply.body ?? []) {
        writeSync(out, chunk)
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
