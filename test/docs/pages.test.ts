/** Owns the check that every page of the docs is found: from docs/README.md, which the README names; and that the page of the API names every route. */
import { afterAll, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { closeWorlds, openWorld } from '../app/world.ts'

const ROOT = join(import.meta.dir, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const linked = (page: string) =>
  [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = '']) =>
    relative(ROOT, join(ROOT, dirname(page), link)),
  )

afterAll(closeWorlds)

test('every page is linked in the index; decisions by their folder', () => {
  const pages = [...new Bun.Glob('docs/**/*.md').scanSync(ROOT)].filter(
    page => page !== 'docs/README.md' && !page.startsWith('docs/decisions/'),
  )
  expect(pages.length).toBeGreaterThan(15)
  const found = new Set(linked('docs/README.md'))
  expect(pages.filter(page => !found.has(page))).toEqual([])
  expect([...found]).toContain('docs/decisions')
  expect(linked('README.md')).toContain('docs/README.md')
})

test('every picture of the docs is shown somewhere', () => {
  const pictures = [...new Bun.Glob('docs/**/*.png').scanSync(ROOT)]
  const shown = new Set(['README.md', ...new Bun.Glob('docs/**/*.md').scanSync(ROOT)].flatMap(linked))
  expect(pictures.filter(picture => !shown.has(picture))).toEqual([])
})

test('the README leads from what it is to a pod with an address', () => {
  const text = read('README.md')
  for (const heading of ['Two commands', 'How it works', 'Install', 'Configure', 'Ask it', 'More']) {
    expect(text).toContain(`\n## ${heading}\n`)
  }
  expect(existsSync(join(ROOT, 'LICENSE'))).toBe(true)
})

test('the table of the API’s page names every route, and no other', async () => {
  const world = await openWorld()
  const routes = world.apiPort.routes
    .filter(({ path }) => !/^\/(docs|apidocs|debug)/.test(path))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  const table = read('docs/reference/api.md').split('\n| route | what |\n')[1]?.split('\n\n')[0] ?? ''
  const named = [...table.matchAll(/`((?:GET|POST|PUT|DELETE) [^`]+)`/g)].map(([, route = '']) => route)
  expect(named.toSorted()).toEqual([...new Set(routes)].toSorted())
})
