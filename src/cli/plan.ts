/** Owns `floatip plan`: what would happen, before it is done; the exit code is for scripts. */
import type { Command } from 'commander'
import { EXIT } from '../lib/exit.ts'
import { namespaced, wholeNumber } from './arguments.ts'
import { acting, type Session, type Surface, withServer } from './command.ts'
import { entriesIn } from './config.ts'
import { type Shape, showList, showRaw, type Tone } from './show.ts'

type Fate = 'lose' | 'wait' | 'get' | 'end' | 'keep'

interface PlannedPod {
  readonly pod: string
  readonly fate: Fate
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly because: string
}

interface Plan {
  readonly ok: boolean
  readonly counts: Readonly<Record<Fate, number>>
  readonly pods: readonly PlannedPod[]
  readonly orphaned: readonly { readonly ip: string; readonly key: string; readonly because: string }[]
  readonly freed: readonly { readonly ip: string; readonly key: string; readonly because: string }[]
  readonly warnings: readonly string[]
  readonly more: number
}

const EXAMPLES = `
Exits with ${EXIT.wouldHurt} when a pod would wait for an address or lose it:
  floatip plan drain node-7 && kubectl drain node-7
  floatip plan scale statefulset shop/web 12
  floatip plan pool blue 4
  floatip plan config floatingip-config.yaml`

export function planCommands(program: Command, surface: Surface): void {
  const plan = program
    .command('plan')
    .description('what would happen to pods and addresses, before it is done')
    .addHelpText('after', EXAMPLES)
  withServer(plan.command('scale <kind> <namespace/name> <replicas>'))
    .description('a StatefulSet, Deployment or other workload has that many pods')
    .action(
      acting(surface, (session, kind: string, workload: string, replicas: string) => {
        const named = namespaced(workload, 'workload')
        return ask(session, { scale: { kind, ...named, replicas: wholeNumber(replicas) } })
      }),
    )
  withServer(plan.command('drain <node>'))
    .description('the pods of a node have to go elsewhere')
    .action(acting(surface, (session, node: string) => ask(session, { drain: { node } })))
  withServer(plan.command('pool <name> <size>'))
    .description('a pool has another size')
    .action(
      acting(surface, (session, name: string, size: string) =>
        ask(session, { pool: { name, size: wholeNumber(size) } }),
      ),
    )
  withServer(plan.command('config <file>'))
    .description('another configuration is in force: ranges added, taken away or moved')
    .option('--key <name>', 'key of the ConfigMap', 'floatingips')
    .action(
      acting(surface, (session, file: string, { key }: { key: string }) =>
        ask(session, { configuration: entriesIn(file, key) }),
      ),
    )
}

async function ask({ client, terminal, format }: Session, question: object): Promise<number> {
  const { body: plan } = await client.send<Plan>('POST', '/v1/plan', question)
  if (format === 'json' || format === 'yaml') showRaw(terminal, format, plan)
  else {
    const touched = format === 'wide' ? plan.pods : plan.pods.filter(({ fate }) => fate !== 'keep')
    showList(terminal, format, touched, PODS)
    if (format !== 'name') summary({ terminal }, plan)
  }
  return plan.ok ? EXIT.ok : EXIT.wouldHurt
}

function summary({ terminal }: Pick<Session, 'terminal'>, plan: Plan): void {
  for (const { ip, key, because } of plan.orphaned) terminal.out(`${ip} (${key}) would be orphaned: ${because}\n`)
  for (const { ip, key, because } of plan.freed) terminal.out(`${ip} (${key}) would be free: ${because}\n`)
  for (const warning of plan.warnings) terminal.err(`warning: ${warning}\n`)
  if (plan.more > 0) terminal.out(`and ${plan.more} more\n`)
  const counts = Object.entries(plan.counts).filter(([, count]) => count > 0)
  terminal.out(`${counts.map(([fate, count]) => `${count} ${fate}`).join(', ') || 'no pod is touched'}\n`)
}

const TONES: Readonly<Record<Fate, Tone | null>> = { lose: 'bad', wait: 'bad', get: 'good', end: 'faint', keep: null }

const PODS: Shape<PlannedPod> = {
  columns: [
    { title: 'POD', of: item => item.pod },
    { title: 'WOULD', of: item => item.fate, tone: item => TONES[item.fate] },
    { title: 'HAS', of: item => item.before.join(', ') },
    { title: 'WOULD HAVE', of: item => item.after.join(', ') },
    { title: 'BECAUSE', of: item => item.because },
  ],
  name: item => item.pod,
  none: 'no pod would get, lose or wait for an address',
}
