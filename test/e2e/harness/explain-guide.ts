/** Owns the guide "Why does my pod wait?": what `floatip explain pod` printed for each reason, on a cluster. */
import { REASONS, type Reason } from '../../../src/app/explain-words.ts'

/** What the command line was, and what it printed. */
export interface Quoted {
  readonly line: string
  readonly text: string
}

/** What is done in each case, for those that a person meets; in the order in which one looks. */
const CASES: Partial<Record<Reason, string>> = {
  'no-address-left': 'The addresses for its nodes are used up',
  'limit-reached': 'Its Deployment has as many addresses as replicas',
  'rollout-deadlock': 'Its rolling update waits for itself',
  'pool-limit': 'Its pool is full',
  'address-elsewhere': 'Its address cannot be used where it may run',
  'waiting-for-old-pod': 'The pod that had its name is not gone yet',
  'policy-not-supported': 'Its policy is not possible for what it is',
  'request-unreadable': 'Its request cannot be read',
  'request-not-possible': 'Its request asks for what is not there',
  'node-not-configured': 'Its nodes are in no node subnet',
  'unknown-node': 'Its nodes have no address',
  'not-asked': 'The scheduler does not ask floatip about it',
  'bound-without-address': 'It was bound past floatip',
  'two-claimants': 'Another pod has the address that it carries',
  'not-requested': 'It does not ask for an address',
  bound: 'It has one: nothing is wrong here',
}

export function explainGuide(quotes: ReadonlyMap<Reason, Quoted>): string {
  const cases = Object.entries(CASES).flatMap(([reason, title]) => {
    const quoted = quotes.get(reason as Reason)
    return quoted === undefined ? [] : [section(reason, title, quoted)]
  })
  const rest = REASONS.filter(reason => !quotes.has(reason) || CASES[reason] === undefined)
  return `# Why does my pod wait?

<!-- Written by \`FLOATIP_WRITE=1 bun test/e2e/run.ts explain\` from what the command printed; not edited by hand. -->

Three places say it, from the nearest to the most thorough:

1. \`kubectl describe pod\`: the scheduler's \`FailedScheduling\` has floatip's answer for each node, and \`WaitingForAddress\` or \`AddressRefused\` the
   same in one sentence ([Events](../reference/events.md)).
2. \`floatip explain pod <namespace>/<name>\`: who or what stops it, and what would help. It asks the rules that decide, and changes nothing.
3. \`floatip plan …\`: whether what you are about to do would help ([command line](../reference/cli.md)).

A pod that waits is woken when something comes free that suits it: nothing needs to be deleted or restarted.

Below is what \`floatip explain pod\` printed on a real control plane, one pod for each reason. The same as JSON, and every reason there is:
[reference](../reference/explain.md). Not met here, because they last for moments or need a broken part: ${rest.map(reason => `[\`${reason}\`](../reference/explain.md#${reason})`).join(', ')}.

${cases.join('\n')}`
}

function section(reason: string, title: string, { line, text }: Quoted): string {
  return `## ${title}

[\`${reason}\`](../reference/explain.md#${reason})

\`\`\`
$ floatip ${line}
${text.trimEnd()}
\`\`\`
`
}
