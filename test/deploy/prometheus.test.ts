/** Alert rules and dashboard: promtool accepts them, each alert is tested, and they speak of metrics that floatip has. */
import { afterAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { metricsTable, seriesNames } from './metric-names.ts'

const root = join(import.meta.dir, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const RULES = 'deploy/prometheus-rules.yaml'
const RULES_TEST = 'test/deploy/prometheus-rules.test.yaml'

const promtool = Bun.which('promtool')
afterAll(() => {
  if (promtool === null) console.log('skipped: promtool is not on this machine (Debian: apt-get install prometheus)')
})

function check(...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([promtool ?? '', ...args], { cwd: root })
  return exitCode === 0 ? 'good' : `${stdout}${stderr}`
}

const rules = (parse(read(RULES)) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups.flatMap(
  group => group.rules,
)

/** Names that look like metrics of ours in a query. */
const named = (query: string) => query.match(/\b(floatip|galaxy|process)_\w+/g) ?? []

test.skipIf(promtool === null)('promtool reads the rules', () => expect(check('check', 'rules', RULES)).toBe('good'))

test.skipIf(promtool === null)('each alert fires when it should and not before', () => {
  expect(check('test', 'rules', RULES_TEST)).toBe('good')
})

test('no alert is without a test', () => {
  const tested = read(RULES_TEST)
  const fires = (name: string) => new RegExp(`alertname: ${name}\\n\\s+exp_alerts:`).test(tested)
  expect(rules.map(rule => rule.alert).filter(name => !fires(name))).toEqual([])
})

test('alerts ask for metrics that floatip has', () => {
  const known = seriesNames()
  expect(rules.flatMap(rule => named(rule.expr)).filter(name => !known.has(name))).toEqual([])
})

test('the dashboard asks for metrics that floatip has, and shows every one of them', () => {
  const asked = new Set(
    [...read('deploy/grafana-dashboard.json').matchAll(/"(?:expr|query)": "((?:[^"\\]|\\.)*)"/g)].flatMap(
      ([, query = '']) => named(query),
    ),
  )
  const known = seriesNames()
  expect([...asked].filter(name => !known.has(name))).toEqual([])
  const family = (name: string) => name.replace(/_(bucket|sum|count)$/, '')
  const shown = new Set([...asked].map(family))
  // What a panel of its own would not tell anybody, or another panel tells already.
  const untold = ['galaxy_ip_counter', 'floatip_leader_term', 'floatip_watch_synced']
  const unshown = [...new Set([...known].map(family))].filter(name => name.startsWith('floatip_') && !shown.has(name))
  expect(unshown.filter(name => !untold.includes(name))).toEqual([])
})

test('docs/reference/metrics.md lists every metric as it is', () => {
  expect(read('docs/reference/metrics.md')).toContain(metricsTable())
})
