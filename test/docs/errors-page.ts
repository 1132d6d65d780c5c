/** Owns the form of docs/reference/errors.md: the table of bad input, by port and path. */
import type { BadRow } from '../http/bad-input.ts'

const HEAD = `# What is refused, and how

Every error that a request can cause, and the exact answer to it; longer texts are cut. The page is written by \`bun run docs\` from the table that
\`test/http/bad-input.test.ts\` sends to a running floatip, which afterwards is as it was before. That test also holds that each error named in the
[description of the API](api.md) has a row here, and each path a method that it does not take.

The scheduler's port answers 200 with an \`Error\`, or with a refusal for each node, where the scheduler is to show the text.`

const PORTS = [
  ['extender', '## Port 9040: the scheduler'],
  ['api', '## Port 9041: people and scripts'],
] as const
/** As much as a person reads of a listing of all that is possible. */
const SHOWN = 300

export function errorsPage(rows: readonly BadRow[]): string {
  const parts = PORTS.map(([port, title]) => `${title}\n\n${tableOf(rows.filter(row => row.port === port))}`)
  return `${[HEAD, ...parts].join('\n\n')}\n`
}

/** The rows of a path beside each other, in the order in which the table first names it. */
function tableOf(rows: readonly BadRow[]): string {
  const pathOf = ({ line }: BadRow) => line.split(/[ ?]/, 2).join(' ')
  const byPath = Map.groupBy(rows, pathOf)
  const lines = [...byPath.values()]
    .flat()
    .map(({ line, what, status, text }) => `| \`${cell(line)}\` | ${cell(what)} | ${status} | ${cell(text)} |`)
  return ['| request | what is wrong | status | answer |', '|---|---|--:|---|', ...lines].join('\n')
}

function cell(text: string): string {
  const short = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
  return short.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll(/\s+/g, ' ')
}
