/** Owns `floatip check`: where ledger, objects and pods differ, and the mending of it. */
import type { Command } from 'commander'
import { EXIT } from '../lib/exit.ts'
import { acting, agreed, type Session, type Surface, withServer } from './command.ts'
import { type Shape, showList, showRaw } from './show.ts'

interface Finding {
  readonly kind: string
  readonly ip: string
  readonly key?: string
  readonly because: string
  readonly safe?: boolean
  readonly remedy?: string
  readonly state?: 'would' | 'done' | 'gone' | 'left'
  readonly detail?: string
}

interface Checked {
  readonly ok: boolean
  readonly rows: number
  readonly objects?: number
  readonly pods: number
  readonly inMotion: number
  readonly more: number
  readonly findings: readonly Finding[]
}

export function checkCommand(program: Command, surface: Surface): void {
  withServer(program.command('check'))
    .description('compare ledger, FloatingIP objects and pods; with --repair mend what is safe to mend')
    .option('--repair', 'mend; asks first', false)
    .option('--dry-run', 'with --repair: say what would be done, and do nothing', false)
    .option('--yes', 'do not ask', false)
    .addHelpText(
      'after',
      `\nExits with ${EXIT.wouldHurt} when something differs.\n\nExample:\n  floatip check --repair --dry-run`,
    )
    .action(acting(surface, check))
}

async function check(session: Session, options: { repair: boolean; dryRun: boolean; yes: boolean }): Promise<number> {
  const { client } = session
  if (!options.repair) return show(session, await client.get<Checked>('/v1/check'))
  const repair = async (dryRun: boolean) => (await client.send<Checked>('POST', '/v1/check/repair', { dryRun })).body
  const would = await repair(true)
  const code = show(session, would)
  if (options.dryRun || !would.findings.some(({ state }) => state === 'would')) return code
  if (!options.yes) {
    if (!(await agreed(session.terminal, 'Mend what is marked with “would”?'))) return code
  }
  const done = await repair(false)
  show(session, done)
  return done.findings.every(({ state }) => state === 'done' || state === 'gone') ? EXIT.ok : EXIT.notAll
}

function show({ terminal, format }: Session, checked: Checked): number {
  if (format === 'json' || format === 'yaml') showRaw(terminal, format, checked)
  else {
    const objects = checked.objects === undefined ? '' : `, ${checked.objects} objects`
    showList(terminal, format, checked.findings, FINDINGS)
    if (checked.more > 0) terminal.err(`and ${checked.more} more\n`)
    if (format !== 'name') terminal.err(`compared: ${checked.rows} addresses${objects}, ${checked.pods} pods\n`)
    if (checked.inMotion > 0) terminal.err(`${checked.inMotion} changed meanwhile and were not judged: ask again\n`)
  }
  return checked.ok ? EXIT.ok : EXIT.wouldHurt
}

const FINDINGS: Shape<Finding> = {
  columns: [
    { title: 'ADDRESS', of: item => item.ip },
    { title: 'WHAT', of: item => item.kind, tone: () => 'bad' },
    { title: 'OWNER', of: item => item.key },
    { title: 'BECAUSE', of: item => item.because },
    { title: 'SAFE', of: item => (item.safe === undefined ? item.state : item.safe ? 'yes' : 'no') },
    { title: 'REMEDY', of: item => item.remedy ?? item.detail },
  ],
  name: item => item.ip,
  none: 'nothing differs',
}
