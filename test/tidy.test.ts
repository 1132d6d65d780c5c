/** The house keeps its own rules: who imports whom, where nothing waits, how long a file is, and that nothing lies about unused. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  exportsOf,
  importBreaches,
  LINES_MAX,
  lengthBreaches,
  openingBreaches,
  WAITING_WORDS,
  waitingBreaches,
  wordBreaches,
} from './tidy/rules.ts'
import { readSource, type Source, sourceOf } from './tidy/source.ts'

const tracked = Bun.spawnSync(['git', 'ls-files', '--cached', '--others', '--exclude-standard'])
  .stdout.toString()
  .split('\n')
  .filter(path => path !== '' && existsSync(path))
const sources = tracked.filter(path => /^(src|core-as|bench|test)\/.*\.ts$/.test(path)).map(readSource)
const src = sources.filter(({ path }) => path.startsWith('src/'))
const houses = sources.filter(({ path }) => /^(src|core-as)\//.test(path))

const breaches = (of: readonly Source[], rule: (source: Source) => string[]) => of.flatMap(rule)

describe('the tree', () => {
  test('there is something to look at', () => expect(src.length).toBeGreaterThan(80))
  test('a folder imports only what the house allows', () => expect(breaches(src, importBreaches)).toEqual([]))
  test('nothing waits where things are decided', () => expect(breaches(houses, waitingBreaches)).toEqual([]))
  test('no file is too long to be read', () => expect(breaches(sources, lengthBreaches)).toEqual([]))
  test('each file says what it owns', () => expect(breaches(sources, openingBreaches)).toEqual([]))
  test('names say something', () => expect(breaches(src, wordBreaches)).toEqual([]))

  test('no file is dead: main reaches all of src', () => {
    const byPath = new Map(src.map(source => [source.path, source]))
    const alive = new Set<string>()
    const queue = ['src/main.ts']
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const source = byPath.get(path)
      if (source === undefined || alive.has(path)) continue
      alive.add(path)
      queue.push(...source.imports.filter(({ own }) => own).map(({ target }) => target))
    }
    expect(src.map(({ path }) => path).filter(path => !alive.has(path) && !path.endsWith('.d.ts'))).toEqual([])
  })

  test('no export is dead: somebody else uses each', () => {
    const words = new Map(sources.map(({ path, text }) => [path, new Set(text.match(/\w+/g))]))
    const unused = src.flatMap(source =>
      exportsOf(source)
        .filter(name => ![...words].some(([path, said]) => path !== source.path && said.has(name)))
        .map(name => `${source.path}: ${name}`),
    )
    expect(unused).toEqual([])
  })

  test('links in the docs lead somewhere', () => {
    const pages = tracked.filter(path => path.endsWith('.md'))
    const broken = pages.flatMap(page =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map(([, link = '']) => join(dirname(page), link))
        .filter(target => !existsSync(target))
        .map(target => `${page} → ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('nothing speaks of the place where it was written', () => {
    // Put together here, so that this file does not accuse itself.
    const places = [
      ['', 'work', ''],
      ['..', 'shared'],
      ['', 'root', ''],
    ].map(parts => parts.join('/'))
    const hosts = [
      ['registry', 'npmjs', 'org'],
      ['proxy', 'golang', 'org'],
      ['npmmirror', 'com'],
    ].map(parts => parts.join('.'))
    const texts = tracked.filter(path => !/\.(png|wasm)$/.test(path))
    const found = texts.flatMap(path => {
      const text = readFileSync(path, 'utf8')
      return [...places, ...hosts].filter(word => text.includes(word)).map(word => `${path}: ${word}`)
    })
    expect(found).toEqual([])
  })

  test('the lock file names no host: whoever installs chooses the registry', () => {
    expect(readFileSync('bun.lock', 'utf8').match(/\w+:\/\/[^"]*/g)).toBeNull()
  })
})

describe('the rules themselves can fail', () => {
  test.each([
    ['src/rules/x.ts', `import { openLedger } from '../ledger/ledger.ts'`],
    ['src/ip/x.ts', `import type { Owner } from '../domain/owner.ts'`],
    ['src/store/x.ts', `import { stateOf } from '../ledger/state.ts'`],
    ['src/http/x.ts', `import { listAll } from '../kube/list.ts'`],
    ['src/kube/x.ts', `import type { Database } from '../store/open.ts'`],
    ['src/demo/x.ts', `import { filter } from '../rules/filter.ts'`],
    ['src/rules/x.ts', `const late = await import('../store/open.ts')`],
    ['src/rules/x.ts', `const worker = new Worker(new URL('../store/open.ts', import.meta.url))`],
    ['src/newcomer/x.ts', `import { assert } from '../lib/assert.ts'`],
  ])('import rule: %s', (path, text) => expect(importBreaches(sourceOf(path, text))).toHaveLength(1))

  test.each([
    ['src/store/x.ts', `import type { Journal } from '../ledger/journal.ts'`],
    ['src/app/x.ts', `import type { Cluster } from '../kube/cluster.ts'`],
    ['src/app/x.ts', `import { type Cluster } from '../kube/cluster.ts'`],
    ['src/http/x.ts', `import { ownerKey } from '../domain/owner.ts'`],
  ])('import rule allows: %s %s', (path, text) => expect(importBreaches(sourceOf(path, text))).toEqual([]))

  test.each(WAITING_WORDS)('sync rule: %s', word => {
    expect(waitingBreaches(sourceOf('src/rules/x.ts', `const x = ${word}(1)`))).toHaveLength(1)
    expect(waitingBreaches(sourceOf('core-as/x.ts', `const x = ${word}(1)`))).toHaveLength(1)
    expect(waitingBreaches(sourceOf('src/rules/x.ts', `// ${word}\nconst x = '${word}'`))).toEqual([])
    expect(waitingBreaches(sourceOf('src/app/x.ts', `const x = ${word}(1)`))).toEqual([])
  })

  test('a template literal is code inside its braces only', () => {
    expect(waitingBreaches(sourceOf('src/rules/x.ts', 'const x = `fetch`'))).toEqual([])
    expect(waitingBreaches(sourceOf('src/rules/x.ts', ['const x = `$', '{fetch}`'].join('')))).toHaveLength(1)
  })

  test('length, opening sentence, vague names', () => {
    expect(lengthBreaches(sourceOf('src/a.ts', 'x\n'.repeat(LINES_MAX + 1)))).toHaveLength(1)
    expect(openingBreaches(sourceOf('src/a.ts', 'const x = 1'))).toHaveLength(1)
    expect(wordBreaches(sourceOf('src/app/pod-helper.ts', 'export class Ledger {}'))).toHaveLength(1)
    expect(wordBreaches(sourceOf('src/app/pod.ts', 'export class Ledger {}'))).toEqual([])
    expect(wordBreaches(sourceOf('src/app/a.ts', 'export class LedgerManager {}'))).toHaveLength(1)
  })
})
