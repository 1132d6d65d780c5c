/** Owns the proof of what the flags of `serve` say together where one depends on another. */
import { expect, test } from 'bun:test'
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

test('fields of the config file in any case, as Go reads them: an address provider is not overlooked', () => {
  const folder = mkdtempSync(join(tmpdir(), 'floatip-options-'))
  const file = join(folder, 'galaxy-ipam.json')
  const plugin = {
    cloudProviderGRPCAddr: '127.0.0.2:80',
    floatingIPKey: 'ips',
    configmapname: 'mine',
    FloatingIPs: [{}],
  }
  writeFileSync(file, JSON.stringify({ Schedule_Plugin: { ...plugin, resyncinterval: 5 } }))
  expect(read('--config', file).file).toEqual({
    floatingips: [{}],
    configMapName: 'mine',
    configMapNamespace: 'kube-system',
    floatingipKey: 'ips',
    cloudProvider: '127.0.0.2:80',
    resyncMinutes: 5,
  })
  rmSync(folder, { recursive: true })
})
