/** Owns the proof of what the flags of `serve` say together where one depends on another. */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

const dir = mkdtempSync(join(tmpdir(), 'floatip-options-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function fromFile(content: object) {
  const path = join(dir, 'galaxy-ipam.json')
  writeFileSync(path, JSON.stringify(content))
  return read(`--config=${path}`).file
}

test('the config file’s keys in any case, as galaxy-ipam reads them: one that is overlooked would leave its provider untold', () => {
  const floatingips = [{ subnet: '10.0.0.0/24' }]
  expect(
    fromFile({
      Schedule_Plugin: {
        ...{ cloudProviderGRPCAddr: 'provider:80', resyncinterval: 5, FloatingIPs: floatingips },
        ...{ ConfigmapName: 'mine', CONFIGMAPNAMESPACE: 'net', floatingIPKey: 'ips' },
      },
    }),
  ).toEqual({
    ...{ cloudProvider: 'provider:80', resyncMinutes: 5, floatingips },
    ...{ configMapName: 'mine', configMapNamespace: 'net', floatingipKey: 'ips' },
  })
})
