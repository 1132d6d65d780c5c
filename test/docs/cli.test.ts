/** Owns the check of docs/reference/cli.md against the commands; with FLOATIP_WRITE=1 (`bun run docs`) it writes the page. */
import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { terminalOf } from '../../src/cli/terminal.ts'
import { programOf } from '../../src/commands/program.ts'
import { cliPage, ENVIRONMENT } from './cli-page.ts'

const ROOT = join(import.meta.dir, '../..')
const PAGE = join(ROOT, 'docs/reference/cli.md')
const program = programOf('floatip', [], { terminal: terminalOf(process), done() {} })
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test('the page is what the commands are', () => {
  const page = cliPage(program)
  if (process.env.FLOATIP_WRITE === '1') writeFileSync(PAGE, page)
  expect(read('docs/reference/cli.md') === page, 'docs/reference/cli.md is not up to date: bun run docs').toBe(true)
})

test('every environment variable that the program reads is on the page, and no other', () => {
  const sources = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)]
  const named = sources.flatMap(path => [
    ...[...read(path).matchAll(/\benv\.([A-Z_]+)/g)].map(([, name = '']) => name),
    ...[...read(path).matchAll(/\.env\('([A-Z_]+)'\)/g)].map(([, name = '']) => name),
  ])
  expect([...new Set(named)].sort()).toEqual(Object.keys(ENVIRONMENT).sort())
})

test('every flag of serve is explained in docs/reference/flags.md, but for those of klog that do nothing; and none that is not there', () => {
  const serve = program.commands.find(command => command.name() === 'serve')
  const flags = serve?.options ?? []
  const known = flags.map(option => option.long ?? '')
  const ours = flags.filter(option => !option.description.includes('klog')).map(option => option.long ?? '')
  const explained = [...read('docs/reference/flags.md').matchAll(/`(--[a-z-]+)(?:=[a-z]+)?`/g)].map(
    ([, flag = '']) => flag,
  )
  expect(ours.filter(flag => !explained.includes(flag))).toEqual([])
  expect(explained.filter(flag => flag !== '--flag' && !known.includes(flag))).toEqual([])
})
