/** Owns `bun run bench [suite …]`: the suites by name, run one after the other; all of them when none is named. */
import { apiSuite } from './api.ts'
import { coreSuite } from './core.ts'
import { filterSuite } from './filter.ts'
import { httpSuite } from './http.ts'
import { keptSuite } from './kept.ts'
import { resyncSuite } from './resync.ts'
import { startSuite } from './start.ts'
import { turnSuite } from './turn.ts'
import { waitingSuite } from './waiting.ts'

/** A suite prints its table, writes its JSON, and answers whether its targets were met. */
const SUITES: Record<string, () => boolean | Promise<boolean>> = {
  core: coreSuite,
  turn: turnSuite,
  filter: filterSuite,
  waiting: waitingSuite,
  http: httpSuite,
  kept: keptSuite,
  resync: resyncSuite,
  api: apiSuite,
  start: startSuite,
}

const asked = process.argv.slice(2)
const unknown = asked.filter(name => !(name in SUITES))
if (unknown.length > 0) {
  console.error(`no such suite: ${unknown.join(', ')}; there are: ${Object.keys(SUITES).join(', ')}`)
  process.exit(2)
}

let met = true
for (const [name, run] of Object.entries(SUITES)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  console.log(`── ${name} ──`)
  met = (await run()) && met
}
process.exitCode = met ? 0 : 1
