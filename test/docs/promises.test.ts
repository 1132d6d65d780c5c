/** Owns the check of docs/reference/promises.md: every test that it names exists under that name. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const TESTS = join(import.meta.dir, '..')
const PAGE = readFileSync(join(TESTS, '../docs/reference/promises.md'), 'utf8')

interface Named {
  /** Below test/, without `.test.ts`. */
  readonly file: string
  readonly names: readonly string[]
}

/** `file` "a test" "another" of every row's second column. */
function namedIn(page: string): Named[] {
  const cells = page
    .split('\n')
    .filter(line => line.startsWith('| '))
    .map(line => line.split(' | ').slice(1).join(' | '))
  return cells.flatMap(cell =>
    [...cell.matchAll(/`([a-z0-9]+\/[a-z0-9-]+)`((?: "[^"]+")*)/g)].map(([, file = '', quoted = '']) => ({
      file,
      names: [...quoted.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
    })),
  )
}

/** What of the page is not so. */
function missingFrom({ file, names }: Named): string[] {
  const path = join(TESTS, `${file}.test.ts`)
  if (!existsSync(path)) return [`${file}.test.ts`]
  const source = readFileSync(path, 'utf8')
  return names.filter(name => !source.includes(name)).map(name => `${file}: ${name}`)
}

test('every test that the promises name exists', () => {
  const named = namedIn(PAGE)
  expect(named.length).toBeGreaterThan(50)
  expect(named.flatMap(missingFrom)).toEqual([])
})

test('no promise is without a test', () => {
  const rows = PAGE.split('\n').filter(line => line.startsWith('| ') && !/^\| (\*\*|promise \|)/.test(line))
  expect(rows.filter(row => namedIn(row).length === 0)).toEqual([])
})

test('a file or a name that is not there is found', () => {
  expect(missingFrom({ file: 'e2e/nowhere', names: [] })).toEqual(['e2e/nowhere.test.ts'])
  expect(missingFrom({ file: 'docs/promises', names: [['no such', 'test'].join(' ')] })).toHaveLength(1)
})
