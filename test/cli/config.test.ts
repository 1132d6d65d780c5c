/** Owns `floatip config validate`: a configuration is found wherever in a file it is. */
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { entry } from '../app/objects.ts'
import { type } from './asking.ts'

const dir = mkdtempSync(join(tmpdir(), 'floatip-config-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const VALUE = JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.9')])
const MAP = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {floatingips: '${VALUE}'}\n`
const EMPTY_MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n'

function validated(content: string, options = '') {
  const path = join(dir, 'given')
  writeFileSync(path, content)
  return type('', `config validate ${path}${options}`)
}

const VALID = { code: 0, err: '', out: expect.stringMatching(/given: valid; entries: 1, addresses: 8\n$/) }

describe('where it is', () => {
  test.each([
    ['the JSON array', VALUE],
    ['a ConfigMap', MAP],
    ['a ConfigMap as JSON', JSON.stringify({ kind: 'ConfigMap', data: { floatingips: VALUE } })],
    ['a manifest with more than one object, as deploy/configmap.yaml', `# ours\n${MAP}---\n${EMPTY_MAP}`],
    ['the same the other way round', `---\n${EMPTY_MAP}---\n${MAP}`],
    [
      'a list, as kubectl get writes it',
      JSON.stringify({ kind: 'List', items: [{ kind: 'ConfigMap', data: { floatingips: VALUE } }] }),
    ],
    ['the config file', JSON.stringify({ schedule_plugin: { floatingips: JSON.parse(VALUE) } })],
  ])('%s', async (_, content) => {
    expect(await validated(content)).toEqual(VALID)
  })

  test('the manifest that we ship', async () => {
    expect(await validated(readFileSync(join(import.meta.dir, '../../deploy/configmap.yaml'), 'utf8'))).toMatchObject({
      ...{ code: 0, err: '' },
    })
  })
})

describe('what is not there', () => {
  test.each([MAP, `${MAP}---\n${EMPTY_MAP}`])('another key: %#', async content => {
    expect(await validated(content, ' --key others')).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('the ConfigMap has no key others (--key names another)') },
    })
  })

  test.each(['', '---\n', '{'])('nothing that is one: %p', async content => {
    expect(await validated(content)).toMatchObject({ code: 1, err: expect.stringContaining('is not JSON') })
  })
})
