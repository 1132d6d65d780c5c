/** Owns the proof of what the flags of `serve` say together where one depends on another. */
import { expect, test } from 'bun:test'
import { Command } from 'commander'
import { readServeOptions, withServeOptions } from '../../src/commands/options.ts'

function read(...args: string[]) {
  const command = withServeOptions(new Command('serve'))
  command.parse(args, { from: 'user' })
  return readServeOptions(command)
}

test.each([
  [[], '/var/lib/floatip'],
  [['--port=9040'], '/var/lib/floatip'],
  [['--port=0'], '/var/lib/floatip'],
  [['--port', '9140', '--api-port', '9141'], '/var/lib/floatip/9140'],
  [['--port=9140', '--data-dir=/var/lib/floatip'], '/var/lib/floatip'],
])(
  'two processes of one machine differ by their ports alone, as with galaxy-ipam: %p, the ledger in %s',
  (args, dir) => {
    expect(read(...args).dataDir).toBe(dir)
  },
)
