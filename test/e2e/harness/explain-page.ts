/** Owns the reference page of explain: each reason with an answer quoted from a cluster, and what to do. */
import { helpFor, REASONS, type Reason } from '../../../src/app/explain-words.ts'

export interface Explained {
  readonly reason: string
  readonly because: string
  readonly help: string
  readonly blockedBy: readonly object[]
  readonly waiting: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

const MEANS: Readonly<Record<Reason, string>> = {
  'not-ready': 'floatip cannot tell yet; the answer says what it waits for',
  'not-requested': 'the pod does not ask for an address',
  ended: 'it has finished, or is being deleted and was never bound',
  bound: 'it has what it asked for; `has[].ifThePodEnded` says what becomes of that',
  'bound-without-address': 'another scheduler, or whoever set its node, bound it without asking floatip',
  'address-not-recorded': 'it carries an address that the ledger does not have for it (yet)',
  'two-claimants': 'it carries an address that another living pod has',
  binding: 'its addresses are claimed, and the Binding is on its way',
  'cloud-failing': 'the address provider does not assign its address to the node',
  'bind-failed': 'the last bind did not succeed, for the reason given',
  'scheduler-turn': 'there are addresses for it; the scheduler has to ask or to bind',
  'not-asked': 'the scheduler never asked about it since floatip started',
  'workload-unreadable': 'a rule needs its workload, and the API server does not answer; doubt gives nothing',
  'request-unreadable': 'its annotation cannot be read',
  'request-not-possible':
    'its annotation asks for what the configuration does not have, or what its workload cannot have',
  'policy-not-supported': 'its release policy, or its pool’s name, is not possible for what it is',
  'waiting-for-old-pod':
    'the address is still recorded for the pod that had this name before; its end is not booked yet',
  'limit-reached': 'a sticky Deployment has as many addresses as replicas',
  'pool-limit': 'its pool has as many addresses in use as its size',
  'rollout-deadlock':
    'a rolling update that ends no old pod before a new one runs, while new pods wait for old pods’ addresses',
  'address-elsewhere': 'what it keeps cannot be used on the nodes that it may run on',
  'no-address-left': 'the nodes’ entries have no free address (for the requested ranges)',
  resting: 'no address there is free, and some rest: the pod that had them went while a container of it was running',
  'node-not-configured': 'no node subnet contains the nodes that it may run on',
  'unknown-node': 'these nodes have no InternalIP',
  'no-nodes': 'the cluster has no nodes',
}

/** Left out of a quotation: long, and the same for every reason. */
const LEFT_OUT = new Set(['pod', 'podUid', 'asks', 'nodes', 'waiting'])

export function explainPage(answers: ReadonlyMap<Reason, Explained>): string {
  const rows = REASONS.map(reason => `| [\`${reason}\`](#${reason}) | ${MEANS[reason]} |`)
  return `# Why does my pod wait?

\`GET /v1/explain/pods/{namespace}/{name}\` answers by the rules that decide about scheduling, and changes nothing:

\`\`\`sh
curl -s http://127.0.0.1:9041/v1/explain/pods/default/web-0 | jq '{reason, because, help}'
\`\`\`

- \`reason\`: a word for scripts, from the table below. \`because\`: the same for people, with names. \`help\`: what would help.
- \`asks\`: owner key, policy, pool, ranges. \`has\`: its addresses, and what becomes of each if the pod ended now.
- \`blockedBy\` (at most 10 of \`blockedByTotal\`): who has what it waits for. For \`no-address-left\`: addresses there that are only kept.
- \`nodes\`: how many qualify as far as addresses go, and by groups of nodes with the same entries why the others do not.
- \`waiting\`: since when it is refused, when the scheduler asked last, whether it is in the list of those that are told when something comes free.

404: there is no such pod.

| reason | means |
|---|---|
${rows.join('\n')}

Quoted below: answers of floatip on a real control plane, written down by \`test/e2e/explain.test.ts\`; \`asks\`, \`has\`, \`nodes\` and \`waiting\`
are left out. The others are produced in \`test/app/explain.test.ts\` and \`test/app/explain-bound.test.ts\`.

${REASONS.map(reason => section(reason, answers.get(reason))).join('\n')}`
}

/** What stands for the names of a real answer. */
const FACTS = {
  workload: 'the workload',
  pool: 'of that name',
  node: 'named',
  subnets: 'its node subnets',
  kept: null,
  others: 0,
}

function section(reason: Reason, answer: Explained | undefined): string {
  const means = MEANS[reason]
  const sentence = means.startsWith('floatip') ? means : `${means[0]?.toUpperCase()}${means.slice(1)}`
  const about = `## ${reason}\n\n${sentence}.\n`
  if (answer === undefined) return `${about}\nWhat to do: ${helpFor(reason, FACTS)}.\n`
  const quoted = Object.entries(answer).filter(([name, value]) => {
    const shown = name === 'has' ? reason === 'bound' : !LEFT_OUT.has(name)
    return shown && !(Array.isArray(value) && value.length === 0) && value !== 0
  })
  return `${about}\n\`\`\`json\n${JSON.stringify(Object.fromEntries(quoted), null, 2)}\n\`\`\`\n`
}
