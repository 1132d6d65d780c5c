/** Owns the table of configurations that are refused: in the ConfigMap and in the config file alike, said by /readyz and to the scheduler, never half taken. */
import { afterEach, expect, test } from 'bun:test'
import { api, filter } from '../app/asking.ts'
import { configMap, entry, pod } from '../app/objects.ts'
import { closeWorlds, ENTRIES, startWorld, until } from '../app/world.ts'

afterEach(closeWorlds)

const GOOD = entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.5')
const with_ = (part: object) => [{ ...GOOD, ...part }]
const FORMS = 'a single address, "a~b", "a-b" or a CIDR'

/** What is wrong, the value of `floatingips`, and every problem that is named. */
const TABLE: readonly (readonly [string, unknown, string])[] = [
  ['an object', {}, 'floatingips must be a JSON array of entries'],
  ['a text', 'x', 'floatingips must be a JSON array of entries'],
  ['no entry', [], 'floatingips is empty: give at least one entry'],
  ['an entry that is null', [null], 'floatingips[0] must be an object'],
  ['an entry that is a list', [[]], 'floatingips[0] must be an object'],
  [
    'no nodeSubnets',
    with_({ nodeSubnets: undefined }),
    'floatingips[0].nodeSubnets must be a list of at least one CIDR',
  ],
  ['empty nodeSubnets', with_({ nodeSubnets: [] }), 'floatingips[0].nodeSubnets must be a list of at least one CIDR'],
  [
    'a node subnet without a prefix',
    with_({ nodeSubnets: ['10.49.0.0'] }),
    'floatingips[0].nodeSubnets[0] must be a CIDR, not "10.49.0.0"',
  ],
  [
    'a routable subnet that is none',
    with_({ routableSubnet: 'x' }),
    'floatingips[0].routableSubnet[0] must be a CIDR, not "x"',
  ],
  [
    'no subnet',
    with_({ subnet: undefined }),
    'floatingips[0].subnet must be a CIDR such as 10.0.0.0/24 (it is missing)',
  ],
  [
    'a subnet of 33 bits',
    with_({ subnet: '10.0.0.0/33' }),
    'floatingips[0].subnet must be a CIDR such as 10.0.0.0/24, not "10.0.0.0/33"',
  ],
  ['no gateway', with_({ gateway: undefined }), 'floatingips[0].gateway must be an IP address (it is missing)'],
  [
    'a gateway outside the subnet',
    with_({ gateway: '10.0.1.1' }),
    'floatingips[0].gateway 10.0.1.1 is not inside subnet 10.0.0.0/24',
  ],
  [
    'a gateway of the other family',
    with_({ gateway: 'fd00::1' }),
    'floatingips[0].gateway fd00::1 is not inside subnet 10.0.0.0/24',
  ],
  [
    'a vlan beyond the last',
    with_({ vlan: 4095 }),
    'floatingips[0].vlan must be a whole number from 0 to 4094, not 4095',
  ],
  ['a vlan that is a text', with_({ vlan: '2' }), 'floatingips[0].vlan must be a whole number from 0 to 4094, not "2"'],
  ['no ips', with_({ ips: undefined }), 'floatingips[0].ips must be a list of at least one range'],
  [
    'a range that runs backwards',
    with_({ ips: ['10.0.0.9~10.0.0.2'] }),
    `floatingips[0].ips[0] must be ${FORMS}, not "10.0.0.9~10.0.0.2"`,
  ],
  ['a range that is a number', with_({ ips: [7] }), `floatingips[0].ips[0] must be ${FORMS}, not 7`],
  [
    'a range outside the subnet',
    with_({ ips: ['10.0.1.2'] }),
    'floatingips[0].ips: 10.0.1.2 is not inside 10.0.0.0/24',
  ],
  [
    'one address in two entries',
    [GOOD, { ...GOOD, ips: ['10.0.0.5~10.0.0.9'] }],
    '10.0.0.5 is in two entries: 10.0.0.0/24 (10.0.0.2…) and 10.0.0.0/24 (10.0.0.5…)',
  ],
  [
    'an entry of more than 2^24',
    with_({ subnet: '10.0.0.0/7', ips: ['10.0.0.0/7'] }),
    'floatingips[0] (10.0.0.0/7) has 33554432 addresses: at most 16777216 are allowed in an entry',
  ],
  [
    'two problems at once',
    with_({ vlan: -1, subnet: 'x' }),
    'floatingips[0].subnet must be a CIDR such as 10.0.0.0/24, not "x"; floatingips[0].vlan must be a whole number from 0 to 4094, not -1',
  ],
]

test.each(TABLE)('in the ConfigMap: %s', async (_, floatingips, problems) => {
  const world = startWorld({ entries: null, speed: 20 })
  world.api.put('configmaps', configMap(JSON.stringify(floatingips)))
  const why = `the configuration: ConfigMap kube-system/floatingip-config, key floatingips is invalid: ${problems}`
  await until(() => world.gate.waitingFor === why)
  expect(await api(world, '/readyz')).toEqual({ status: 503, body: `waiting for ${why}` })
  expect((await filter(world, pod('p'))).Error).toBe(`floatip is not ready: waiting for ${why}`)
  world.api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
  await until(() => world.gate.open)
  expect(world.ledger.revision).toBe(0)
  expect(world.verify()).toBeNull()
})

test.each(TABLE)('in the config file: %s', async (_, floatingips, problems) => {
  const world = startWorld({ file: JSON.parse(JSON.stringify(floatingips)), speed: 20 })
  const why = `the configuration: the config file is invalid: ${problems}`
  await until(() => world.gate.waitingFor === why)
  expect((await filter(world, pod('p'))).Error).toBe(`floatip is not ready: waiting for ${why}`)
})

test.each([
  [
    'the key is missing',
    { metadata: configMap('').metadata, data: { other: '[]' } },
    'does not exist: create it with the address ranges',
  ],
  ['there is no data', { metadata: configMap('').metadata }, 'does not exist: create it with the address ranges'],
  ['the value is empty', configMap(''), 'is invalid: floatingips is not JSON: JSON Parse error: Unexpected EOF'],
])('in the ConfigMap %s', async (_, object, problem) => {
  const world = startWorld({ entries: null, speed: 20 })
  world.api.put('configmaps', object)
  const why = `the configuration: ConfigMap kube-system/floatingip-config, key floatingips ${problem}`
  await until(() => world.gate.waitingFor === why)
})
