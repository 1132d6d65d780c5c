/** Owns `floatip export` and `floatip import`: what one floatip (or galaxy-ipam) recorded, another keeps; all or nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../app/asking.ts'
import { entry, pod } from '../app/objects.ts'
import { closeWorlds, openWorld, type World } from '../app/world.ts'
import { mixed } from '../http/api-world.ts'
import { serveApi, type } from './asking.ts'

const dir = mkdtempSync(join(tmpdir(), 'floatip-import-'))
let world: World
let served: ReturnType<typeof serveApi>
const typed = (line: string, sitting?: Parameters<typeof type>[2]) => type(served.url, line, sitting)

beforeAll(async () => {
  world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.9~10.0.0.20')] })
  served = serveApi(world)
})
afterAll(async () => {
  served.stop()
  await closeWorlds()
  rmSync(dir, { recursive: true, force: true })
})

function file(name: string, content: unknown): string {
  const path = join(dir, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const galaxy = (name: string, key: string, policy: number) => ({
  apiVersion: 'galaxy.k8s.io/v1alpha1',
  kind: 'FloatingIP',
  metadata: { name },
  spec: { key, policy, attribute: '{"NodeName":"","Uid":""}', updateTime: '2020-05-29T11:11:44Z' },
})

describe('a file that is not what it is said to be', () => {
  test.each([
    ['', 'it is empty'],
    ['\n\n', 'it is empty'],
    ['ip,namespace\n', 'it has no column policy'],
    ['a,b\n', 'it has no column ip'],
    ['address,policy\n10.0.0.9,1\n', 'it has no column ip'],
  ])('csv %p', async (content, why) => {
    const path = file('odd.csv', content)
    expect(await typed(`import --from csv --dry-run ${path}`)).toEqual({
      ...{ code: 2, out: '', err: `floatip: ${path} is no CSV with a head line: ${why}\n` },
    })
  })
})

test.each([
  ['galaxy', 'null', ' is no list of FloatingIP objects'],
  ['galaxy', '{"items":[null]}', ': items[0] has no name or key'],
  ['json', '[null]', ', element 0: ip is missing'],
])('%s: nothing where something is to be: %s', async (from, content, why) => {
  const path = file('odd.json', content)
  const err = `floatip: ${path}${why}\n`
  expect(await typed(`import --from ${from} --dry-run ${path}`)).toEqual({ code: 2, out: '', err })
})

test('csv: a policy that is left empty is not taken for one', async () => {
  const path = file('empty.csv', 'ip,policy,poolName\n10.0.0.19,,blue\n')
  const err = `floatip: ${path}, row 1: policy must be 0, 1 (immutable) or 2 (never)\n`
  expect(await typed(`import --from csv --dry-run ${path}`)).toEqual({ code: 2, out: '', err })
})

describe('from galaxy', () => {
  const objects = { items: [galaxy('10.0.0.9', 'sts_default_web_web-0', 1), galaxy('10.0.0.10', 'dp_a_b_b-x', 0)] }

  test('a dry run tells what would be done, and does nothing', async () => {
    const { code, out, err } = await typed(`import --from galaxy --dry-run ${file('g.json', objects)}`)
    expect({ code, out }).toEqual({ code: 0, out: '' })
    expect(err).toBe('1 new, 0 known already, 1 not kept (they go with their pod or reservation), 0 in conflict\n')
    expect(world.row('10.0.0.9')).toBe('free')
  })

  test('what is kept is kept for its owner, and written to the cluster before it is answered', async () => {
    expect(await typed(`import --from galaxy --yes ${file('g.json', objects)}`)).toMatchObject({
      code: 0,
      out: '1 imported\n',
    })
    expect(world.row('10.0.0.9')).toBe('reserved sts_default_web_web-0')
    expect(world.api.get('floatingips', '10.0.0.9')?.spec).toMatchObject({ key: 'sts_default_web_web-0', policy: 1 })
    const again = await typed(`import --from galaxy --yes ${file('g.json', objects)}`)
    expect(again.err).toContain('0 new, 1 known already')
  })

  test('one conflict, and nothing is imported', async () => {
    const items = [
      galaxy('10.0.0.12', 'sts_default_db_db-0', 2),
      galaxy('10.0.0.9', 'sts_default_db_db-1', 2),
      galaxy('10.9.9.9', 'sts_default_db_db-2', 2),
      galaxy('10.0.0.13', 'sts_default_web_web-0', 1),
    ]
    const { code, err } = await typed(`import --from galaxy --yes ${file('c.json', { items })}`)
    expect(code).toBe(5)
    expect(err.split('\n').slice(0, 3)).toEqual([
      '10.0.0.9: sts_default_web_web-0 has it',
      '10.9.9.9: it is not in the configuration',
      '10.0.0.13: sts_default_web_web-0 has 10.0.0.9 already',
    ])
    expect(world.row('10.0.0.12')).toBe('free')
  })
})

for (const format of ['csv', 'json']) {
  test(`${format}: what export prints, import takes`, async () => {
    const other = await mixed()
    const port = serveApi(other)
    const { out } = await type(port.url, `export --${format}`)
    port.stop()
    expect(await typed(`import --from ${format} --dry-run ${file(`e.${format}`, out)}`)).toMatchObject({
      code: 5, // its first address is taken here
      err: expect.stringContaining('10.0.0.9: sts_default_web_web-0 has it'),
    })
    const rest = format === 'csv' ? out.replace(/^10\.0\.0\.9,.*\n/m, '') : JSON.stringify(JSON.parse(out).slice(1))
    const taken = await typed(`import --from ${format} --yes ${file(`r.${format}`, rest)}`)
    expect(taken.code).toBe(0)
    expect(world.row('10.0.0.10')).toBe('reserved dp_default_app_')
  })
}

describe('what is out of circulation there is not imported, and the command that does it here is told', () => {
  const told = (fresh: number, left: number, ips: string, more = '') =>
    `${fresh} new, 0 known already, ${left} not kept (they go with their pod or reservation), 0 in conflict\n${ips.split(' ').length} kept out of circulation there, which is not imported: floatip ip reserve ${ips}${more}\n`

  test.each(['csv', 'json'])('%s', async format => {
    const other = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.14~10.0.0.20')] })
    const port = serveApi(other)
    await type(port.url, 'ip reserve 10.0.0.14 10.0.0.16 --note firewall')
    await type(port.url, 'ip reserve 10.0.0.17 --app later')
    await run(other, pod('bare'))
    const { out } = await type(port.url, `export --${format}`)
    port.stop()
    expect((await typed(`import --from ${format} --dry-run ${file(`o.${format}`, out)}`)).err).toBe(
      told(0, 2, '10.0.0.14 10.0.0.16'),
    )
  })

  test('galaxy: objects with the label, whatever else they say', async () => {
    const labelled = (name: string, key: string, policy: number) => {
      const object = galaxy(name, key, policy)
      return { ...object, metadata: { ...object.metadata, labels: { reserved: 'x' } } }
    }
    const items = [
      galaxy('10.0.0.19', 'sts_default_later_later-0', 2),
      galaxy('10.0.0.18', 'NULL_default_NULL_bare', 0),
      ...[labelled('10.0.0.14', '', 0), labelled('fd00-0000-0000-0000-0000-0000-0000-0001', 'sts_a_b_b-0', 2)],
    ]
    expect((await typed(`import --from galaxy --dry-run ${file('o.json', { items })}`)).err).toBe(
      told(1, 1, '10.0.0.14 fd00:0000:0000:0000:0000:0000:0000:0001'),
    )
  })
})

test('what the cluster does not have in time is told, and waited for by importing again', async () => {
  const slow = await openWorld({ speed: 100, entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.9~10.0.0.20')] })
  const port = serveApi(slow)
  const items = [galaxy('10.0.0.9', 'sts_default_web_web-0', 1), galaxy('10.0.0.10', 'sts_default_web_web-1', 1)]
  const line = `import --from galaxy --yes ${file('slow.json', { items })}`
  slow.api.fail('create floatingips', { status: 503 }, 100_000)
  expect(await type(port.url, line)).toMatchObject({
    code: 5,
    out: '2 imported\n',
    err: expect.stringContaining('2 of them are recorded here and not in the cluster yet: is the API server well?'),
  })
  slow.api.heal()
  expect(await type(port.url, line)).toMatchObject({ code: 0, out: '0 imported\n' })
  expect(slow.api.get('floatingips', '10.0.0.10')).toBeDefined()
  port.stop()
})

describe('files that cannot be read are told, with exit code 2', () => {
  const rows: readonly (readonly [string, string, unknown, string])[] = [
    ['not JSON', 'json', '{', 'is not JSON'],
    ['no array', 'json', {}, 'is no JSON array'],
    ['no list of objects', 'galaxy', [], 'is no list of FloatingIP objects'],
    [
      'an object without a key',
      'galaxy',
      { items: [{ metadata: { name: '10.0.0.9' } }] },
      'items[0] has no name or key',
    ],
    ['a row without an address', 'json', [{ namespace: 'a', policy: 2 }], 'element 0: ip is missing'],
    ['a policy that is none', 'json', [{ ip: '10.0.0.9', namespace: 'a', policy: 9 }], 'element 0: policy must be'],
    ['no owner', 'csv', 'ip,policy\n10.0.0.9,2\n', 'row 1: it names neither a namespace nor a pool'],
  ]
  for (const [name, from, content, text] of rows) {
    test(name, async () => {
      const { code, err } = await typed(`import --from ${from} ${file('bad', content)}`)
      expect(code).toBe(2)
      expect(err).toContain(text)
    })
  }
  test('no such file', async () => {
    expect(await typed('import --from csv /nowhere/x')).toMatchObject({
      code: 2,
      err: expect.stringContaining('/nowhere/x cannot be read'),
    })
  })
})
