/** Owns the rules of the house as pure functions: a source in, the list of its breaches out. */
import type { Source } from './source.ts'

/**
 * Who may import whom, at run time and (after the colon) for its types only. Arrows are transitive: what a folder may import, it may
 * also import of theirs. `lib` is open to all, `main` and `commands` put everything together.
 */
const MAY: Readonly<Record<string, { readonly run: readonly string[]; readonly types: readonly string[] }>> = {
  lib: { run: [], types: [] },
  ip: { run: ['lib'], types: [] },
  domain: { run: ['ip'], types: [] },
  rules: { run: ['domain'], types: [] },
  core: { run: ['lib'], types: [] },
  ledger: { run: ['rules', 'core', 'domain'], types: [] },
  store: { run: ['domain'], types: ['ledger'] },
  kube: { run: ['domain'], types: [] },
  cloud: { run: ['domain'], types: [] },
  replica: { run: ['domain'], types: ['store', 'kube', 'ledger'] },
  app: { run: ['rules', 'domain'], types: ['ledger', 'kube', 'store', 'cloud', 'replica'] },
  http: { run: ['app'], types: ['ledger', 'kube', 'store', 'cloud', 'replica'] },
  cli: { run: ['ip'], types: [] },
  web: { run: ['lib'], types: [] },
  demo: { run: ['lib'], types: ['kube'] },
}

const COMPOSERS = ['main.ts', 'commands']

/** Folders in which nothing waits, looks at the clock or throws dice. */
const SYNCHRONOUS = [/^src\/(ip|domain|rules|core|store)\//, /^core-as\//, /^src\/ledger\/(state|index)\.ts$/]
export const WAITING_WORDS = [
  'async',
  'await',
  'Promise',
  'setTimeout',
  'setImmediate',
  'Date.now',
  'Math.random',
  'fetch',
  'console',
]

export const LINES_MAX = 300
const VAGUE = /(Manager|Helper|Util|Utils|Service)$/
const VAGUE_FILE = /(^|-)(manager|helper|util|service)s?$/

function reachable(folder: string): Set<string> {
  const found = new Set<string>()
  const queue = [folder]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (found.has(next)) continue
    found.add(next)
    queue.push(...(MAY[next]?.run ?? []))
  }
  return found.add('lib')
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? ''
}

export function importBreaches({ path, imports }: Source): string[] {
  const folder = folderOf(path)
  if (!path.startsWith('src/') || COMPOSERS.includes(folder)) return []
  const run = reachable(folder)
  const types = new Set([...run, ...(MAY[folder]?.types ?? []).flatMap(of => [...reachable(of)])])
  if (MAY[folder] === undefined) return [`${path}: folder ${folder} has no rule in test/tidy/rules.ts`]
  return imports
    .filter(({ own, target, typeOnly }) => own && !(typeOnly ? types : run).has(folderOf(target)))
    .map(({ target, typeOnly }) => `${path} may not import ${target}${typeOnly ? ' (types)' : ''}`)
}

export function waitingBreaches({ path, code }: Source): string[] {
  if (!SYNCHRONOUS.some(where => where.test(path))) return []
  return WAITING_WORDS.filter(word => new RegExp(`(?<![\\w.])${word.replace('.', '\\.')}(?!\\w)`).test(code)).map(
    word => `${path}: ${word} does not belong where things are decided`,
  )
}

export function lengthBreaches({ path, text }: Source): string[] {
  const lines = text.trimEnd().split('\n').length
  return lines > LINES_MAX ? [`${path} has ${lines} lines, more than ${LINES_MAX}`] : []
}

/** Each file opens with one sentence: what it owns. */
export function openingBreaches({ path, text }: Source): string[] {
  return /^(#!.*\n)?(\/\*\*|\/\/)/.test(text) ? [] : [`${path} does not open with a sentence that says what it owns`]
}

export function wordBreaches({ path, code }: Source): string[] {
  const names = [...code.matchAll(/export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/g)].map(
    ([, name = '']) => name,
  )
  const file =
    path
      .split('/')
      .at(-1)
      ?.replace(/\.d?\.?ts$/, '') ?? ''
  return [file, ...names]
    .filter(name => VAGUE.test(name) || VAGUE_FILE.test(name))
    .map(name => `${path}: ${name} says nothing`)
}

/** What a file exports by name: values, and those types that not even the file itself uses (others are parts of a signature). */
export function exportsOf({ code }: Source): string[] {
  const values = [...code.matchAll(/export (?:async )?(?:function\*?|const|let|class) (\w+)/g)].map(
    ([, name = '']) => name,
  )
  const types = [...code.matchAll(/export (?:interface|type) (\w+)/g)].map(([, name = '']) => name)
  const uses = (name: string) => [...code.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length
  return [...values, ...types.filter(name => uses(name) === 1)]
}
