/** Owns the check of docs/reference/events.md: the table and the program name the same reasons, with the same types. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { EVENTS } from '../../src/app/telling.ts'

const ROOT = join(import.meta.dir, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** By reason: its type, as the page has them. */
const documented = Object.fromEntries(
  [...read('docs/reference/events.md').matchAll(/^\| `(\w+)` \| (\w+) \| [^|]+ \| [^|]+ \| [^|]+ \|$/gm)].map(
    ([, reason, type]) => [reason, type],
  ),
)

/** Reasons that are said by `events.warn(object, 'Reason', text)`, anywhere in the program. */
function warnedIn(text: string): string[] {
  const calls = text.split(/\bevents\s*\.warn\(/).slice(1)
  return calls.map(
    call => /^\s*(?:\{[^}]*\}|\w+(?:\([^()]*\))?),\s*'(\w+)'/.exec(call)?.[1] ?? `unreadable: ${call.slice(0, 80)}`,
  )
}

const sources = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)].filter(path => path !== 'src/kube/events.ts')

test('the table and the program agree', () => {
  const warned = sources.flatMap(path => warnedIn(read(path)).map(reason => [reason, 'Warning'] as const))
  expect(warned.length).toBeGreaterThan(0)
  expect(documented).toEqual({ ...EVENTS, ...Object.fromEntries(warned) })
})

test('a reason that is not a literal is found', () => {
  expect(warnedIn(`events.warn({ kind: 'Pod' }, 'Some', text)`)).toEqual(['Some'])
  expect(warnedIn('events.warn(regarding, reason, text)')[0]).toStartWith('unreadable')
})

test('deploy/rbac.yaml allows what Events need, and no more', () => {
  const [rules] = parseAllDocuments(read('deploy/rbac.yaml'))
    .map(document => document.toJS())
    .filter(({ kind }) => kind === 'ClusterRole')
    .map(({ rules }) => rules as { resources: string[]; verbs: string[] }[])
  const ours = rules?.filter(({ resources }) => resources.includes('events')) ?? []
  expect(ours).toEqual([expect.objectContaining({ resources: ['events'], verbs: ['create', 'patch'] })])
})
