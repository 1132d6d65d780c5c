/** Owns the check of docs/reference/errors.md against the table of bad input; with FLOATIP_WRITE=1 (`bun run docs`) it writes the page. */
import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROWS } from '../http/bad-input.ts'
import { errorsPage } from './errors-page.ts'

const PAGE = join(import.meta.dir, '../../docs/reference/errors.md')

test('the page is what the table is', () => {
  const page = errorsPage(ROWS)
  if (process.env.FLOATIP_WRITE === '1') writeFileSync(PAGE, page)
  expect(readFileSync(PAGE, 'utf8') === page, 'docs/reference/errors.md is not up to date: bun run docs').toBe(true)
})
