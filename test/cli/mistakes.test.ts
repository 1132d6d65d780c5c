/** Owns what people get who mistype: an exit code for the shell, and a line that says what to do. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { clientOf } from '../../src/cli/client.ts'
import { closeWorlds, type World } from '../app/world.ts'
import { mixed } from '../http/api-world.ts'
import { serveApi, type } from './asking.ts'

let world: World
let served: ReturnType<typeof serveApi>

beforeAll(async () => {
  world = await mixed()
  served = serveApi(world)
})
afterAll(async () => {
  served.stop()
  await closeWorlds()
})

const rows: readonly (readonly [line: string, code: number, err: string])[] = [
  ['ip shwo 10.0.0.9', 2, "error: unknown command 'shwo'\n(Did you mean show?)\n"],
  ['ip show', 2, "error: missing required argument 'address'\n"],
  ['ip show 10.0.0.300', 2, 'floatip: address must be an IP address, not "10.0.0.300"\n'],
  ['ip show 192.168.1.1', 1, 'floatip: 192.168.1.1 is neither configured nor allocated\n'],
  ['ip ls --namespce shop', 2, "error: unknown option '--namespce'\n(Did you mean --namespace?)\n"],
  [
    'ip ls -o jsn',
    2,
    "error: option '-o, --output <format>' argument 'jsn' is invalid. Allowed choices are table, wide, json, yaml, name.\n",
  ],
  ['ip ls --kept-longer-than soon', 2, 'floatip: soon is no age: write a number and s, m, h, d or w, such as 7d\n'],
  ['ip history --at yesterday', 2, 'floatip: at must be a time such as 2026-05-29T14:03:00Z, not "yesterday"\n'],
  ['ip reserve', 2, 'floatip: say what to reserve: addresses, or --count, --app, --pool or --range\n'],
  ['ip reserve --count few', 2, 'floatip: --count must be a whole number, not few\n'],
  ['ip release', 2, 'floatip: say which addresses to release: by name, or by a filter such as --app\n'],
  ['ip unreserve none', 5, 'none not ended: reservation none does not exist\n'],
  ['explain pod a/b/c', 2, 'floatip: a/b/c is no pod: write namespace/name\n'],
  ['explain pod nowhere', 1, 'floatip: pod default/nowhere does not exist\n'],
  ['plan drain nowhere', 1, 'floatip: node nowhere does not exist\n'],
  ['plan scale statefulset sts many', 2, 'floatip: replicas must be a whole number, not many\n'],
  ['plan scale statefulset nowhere 3', 1, 'floatip: StatefulSet default/nowhere does not exist\n'],
  ['pool show none', 1, 'floatip: not found: pool none\n'],
  ['pool set UPPER 3', 2, 'floatip: name must be a DNS-1123 name such as web-pool, not "UPPER"\n'],
  ['subnet map 10.0.0.0/8', 1, 'floatip: 10.0.0.0/8 is not configured: floatip subnet ls lists what is\n'],
  ['events --after now', 2, 'floatip: --after must be a whole number, not now\n'],
  ['events --follow --after now', 2, 'floatip: --after must be a whole number, not now\n'],
  [
    'import /nowhere --from csv',
    2,
    "floatip: /nowhere cannot be read: ENOENT: no such file or directory, open '/nowhere'\n",
  ],
  [
    'completion tcsh',
    2,
    "error: command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n",
  ],
  [
    'ip ls --server http://127.0.0.1:1',
    1,
    'floatip: http://127.0.0.1:1 cannot be reached (ECONNREFUSED): is floatip running there? Give its address with --server or FLOATIP_SERVER; from outside the cluster: kubectl -n kube-system port-forward deploy/floatip 9041\n',
  ],
  [
    'ip ls --server not␣one',
    2,
    'floatip: not one is no address of a server: give --server or FLOATIP_SERVER as http://127.0.0.1:9041\n',
  ],
  [
    'ip ls --server ftp://127.0.0.1',
    2,
    'floatip: ftp://127.0.0.1 is no address of a server: give --server or FLOATIP_SERVER as http://127.0.0.1:9041\n',
  ],
]

/** What an unset variable of a script leaves behind; `∅` is a word without a letter. */
const empties: readonly (readonly [line: string, empty: string])[] = [
  ['ip show ∅', 'address'],
  ['ip history ∅', 'address'],
  ['ip release ∅ --yes', 'addresses'],
  ['ip release 10.0.0.10 ∅ --yes', 'addresses'],
  ['ip release --app ∅ --yes', '--app'],
  ['ip release --namespace ∅ --kept-longer-than 0s --yes', '--namespace'],
  ['ip ls --pod ∅', '--pod'],
  ['ip reserve --range ∅', '--range'],
  ['ip unreserve ∅', 'ids'],
  ['pool show ∅', 'name'],
  ['pool set ∅ 3', 'name'],
  ['pool rm ∅', 'name'],
  ['plan drain ∅', 'node'],
  ['explain pod ∅', 'namespace/name'],
  ['subnet map ∅', 'subnet'],
  ['backup ∅', 'file'],
  ['ip ls --server ∅', '--server'],
]

for (const [line, empty] of empties) {
  test(`${line} → nothing is asked and nothing done`, async () => {
    const before = world.ledger.revision
    const err = `floatip: ${empty} is empty: is a variable not set?\n`
    expect(await type(served.url, line)).toEqual({ code: 2, out: '', err })
    expect(world.ledger.revision).toBe(before)
  })
}

test('addresses and a filter together: which of them was meant?', async () => {
  expect(await type(served.url, 'ip release 10.0.0.10 --app other --yes')).toEqual({
    ...{ code: 2, out: '', err: 'floatip: say addresses, or a filter: not both\n' },
  })
  expect(world.row('10.0.0.10')).toBe('reserved dp_default_app_')
})

test('an empty FLOATIP_SERVER is none', () => {
  expect(clientOf('').server).toBe('http://127.0.0.1:9041')
})

for (const [line, code, err] of rows) {
  test(`${line} → ${code}`, async () => {
    const before = world.ledger.revision
    expect(await type(served.url, line)).toEqual({ code, out: '', err })
    expect(world.ledger.revision).toBe(before)
  })
}

test.each([
  [502, '<h1>hello</h1>\nworld', /^floatip: http:\S+ answered 502: <h1>hello<\/h1>\n$/],
  [200, '<h1>hello</h1>', /^floatip: http:\S+ answered something else than JSON: is a floatip there\?\n$/],
  [404, '', /^floatip: http:\S+ answered 404\n$/],
  [404, '{"code":404,"message":"no such path"}', /is it the API port \(9041\) of a floatip of this version\?\n$/],
])('what answers is no floatip: %d %s', async (status, body, told) => {
  const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(body, { status }) })
  const { code, err } = await type(`http://127.0.0.1:${other.port}`, 'ip ls')
  await other.stop(true)
  expect(code).toBe(1)
  expect(err).toMatch(told)
})
