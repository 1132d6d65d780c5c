/** Owns the table of owner keys: behaviour section 3, line by line. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  isKept,
  type Owner,
  ordinalOf,
  ownerKey,
  parseOwnerKey,
  sharedBy,
  workloadKey,
} from '../../src/domain/owner.ts'

const owner = (kind: string, namespace: string, workload: string, pod: string, pool = ''): Owner => {
  return { pool, kind, namespace, workload, pod }
}
const POOL = owner('', '', '', '', 'blue')

describe('an owner and its key', () => {
  test.each([
    ['StatefulSet pod', owner('sts', 'ns', 'web', 'web-0'), 'sts_ns_web_web-0'],
    ['Deployment pod', owner('dp', 'ns', 'api', 'api-6b5f-x2x9k'), 'dp_ns_api_api-6b5f-x2x9k'],
    ['any other kind', owner('tapp', 'ns', 'db', 'db-3'), 'tapp_ns_db_db-3'],
    ['pod without owner', owner('NULL', 'ns', 'NULL', 'lone'), 'NULL_ns_NULL_lone'],
    ['kept for a Deployment', owner('dp', 'ns', 'api', ''), 'dp_ns_api_'],
    ['a Deployment pod in a pool', owner('dp', 'ns', 'api', 'api-x', 'blue'), 'pool__blue_dp_ns_api_api-x'],
    ['a StatefulSet pod in a pool', owner('sts', 'ns', 'web', 'web-0', 'blue'), 'pool__blue_sts_ns_web_web-0'],
    ['a bare pod in a pool', owner('NULL', 'ns', 'NULL', 'lone', 'blue'), 'pool__blue_NULL_ns_NULL_lone'],
    ['kept for a pool', POOL, 'pool__blue_'],
  ])('%s', (_, who, key) => {
    expect(ownerKey(who)).toBe(key)
    expect(parseOwnerKey(key)).toEqual(who)
  })

  test.each([
    '',
    'web',
    'sts_ns_web',
    'sts_ns_web_web-0_',
    '_ns_web_web-0',
    'sts__web_web-0',
    'sts_ns__web-0',
    'pool__',
    'pool___',
    'pool___dp_ns_api_',
    'pool__blue',
    'pool__blue_dp_ns_api',
  ])('%p is not a key', key => {
    expect(parseOwnerKey(key)).toBeNull()
  })

  test('read back from their text, whatever the names', () => {
    const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,8}[a-z0-9])?$/)
    const any = fc.record({
      pool: fc.oneof(fc.constant(''), name),
      kind: fc.constantFrom('sts', 'dp', 'NULL', 'tapp', 'pool'),
      namespace: name,
      workload: name,
      pod: fc.oneof(fc.constant(''), name),
    })
    fc.assert(fc.property(any, who => expect(parseOwnerKey(ownerKey(who))).toEqual(who)))
  })
})

test.each([
  ['a StatefulSet pod: its own key', owner('sts', 'ns', 'web', 'web-0'), null],
  ['a Deployment pod: its Deployment', owner('dp', 'ns', 'api', 'api-x'), 'dp_ns_api_'],
  ['another kind: its own key', owner('tapp', 'ns', 'db', 'db-3'), null],
  ['a pod in a pool: the pool', owner('dp', 'ns', 'api', 'api-x', 'blue'), 'pool__blue_'],
  ['a StatefulSet pod in a pool: the pool', owner('sts', 'ns', 'web', 'web-0', 'blue'), 'pool__blue_'],
])('kept for: %s', (_, who, key) => {
  const share = sharedBy(who)
  expect(share === null ? null : ownerKey(share)).toBe(key)
  expect(share === null || isKept(share)).toBe(true)
  expect(isKept(who)).toBe(false)
})

test('the key of a workload leaves out the pod', () => {
  expect(workloadKey(owner('sts', 'ns', 'web', 'web-0'))).toBe('sts_ns_web_')
  expect(workloadKey(POOL)).toBe('pool__blue_')
})

test.each([
  ['web-0', 0],
  ['web-12', 12],
  ['web-', null],
  ['web-a', null],
  ['web-1-2', null],
  ['other-1', null],
  ['web-1234567890', null],
])('the ordinal of %s is %p', (pod, ordinal) => {
  expect(ordinalOf(owner('sts', 'ns', 'web', pod))).toBe(ordinal)
})
