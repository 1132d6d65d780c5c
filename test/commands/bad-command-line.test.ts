/** Owns the proof of the table of command lines: floatip ends with the code and the words of the table, and never starts. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COMMAND_LINES } from './bad-command-line.ts'
import { outcome } from './child.ts'

const root = mkdtempSync(join(tmpdir(), 'floatip-commands-'))
let taken: ReturnType<typeof Bun.serve>

beforeAll(() => {
  taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('taken') })
})
afterAll(async () => {
  await taken.stop(true)
  rmSync(root, { recursive: true, force: true })
})

test.each(COMMAND_LINES.map((row, at) => [row.what, row, at] as const))(
  '%s',
  async (_, { args, file, code, text }, at) => {
    const dir = join(root, String(at))
    mkdirSync(dir)
    if (file !== undefined) writeFileSync(join(dir, 'config.json'), file)
    const filled = (words: string) => words.replaceAll('{dir}', dir).replaceAll('{taken}', String(taken.port))
    const ended = await outcome(args.map(filled))
    // Log lines are JSON; the words for the person at the terminal are not.
    const words = ended.stderr.split('\n').filter(line => line !== '' && !line.startsWith('{'))
    expect({ code: ended.code, text: words.join('\n') }).toEqual({ code, text: filled(text) })
  },
)
