/** Owns the explanation as the API writes it. */
import { type Static, Type } from '@sinclair/typebox'
import { t } from 'elysia'
import type { Explanation, Had } from '../app/explain.ts'
import type { GroupShown } from '../app/explain-nodes.ts'
import { REASONS } from '../app/explain-words.ts'
import type { Allocation } from '../domain/allocation.ts'
import { ownerKey } from '../domain/owner.ts'
import { policyName } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import { rangeText } from '../ip/range.ts'
import { ownerFields, timeText } from './answers.ts'
import { encodeOwner } from './owner-wire.ts'

const text = (description: string) => Type.String({ description })

const HadItem = Type.Object({
  ip: Type.String(),
  state: text('held (filter took it), bound or reserved.'),
  orphaned: Type.Boolean({ description: 'It left the configuration.' }),
  node: Type.Optional(Type.String()),
  since: text('When it came to be so.'),
  ifThePodEnded: Type.Optional(
    Type.Object({
      kept: Type.Boolean({ description: 'False: it would be free for anybody.' }),
      keptFor: Type.Optional(text('Owner key that keeps it.')),
      because: Type.String(),
    }),
  ),
})

const Blocker = Type.Object({
  ip: Type.String(),
  key: text('Owner key.'),
  ...ownerFields,
  state: text('held, bound or reserved.'),
  podUid: Type.Optional(Type.String()),
  node: Type.Optional(Type.String()),
  since: Type.String(),
})

const NodeGroupItem = Type.Object({
  qualifies: Type.Boolean(),
  nodes: Type.Integer({ description: 'How many.' }),
  examples: Type.Array(Type.String(), { description: 'Names of some of them.' }),
  nodeSubnets: Type.Optional(text('Node subnets of the configuration that contain them; missing: none does.')),
  entries: Type.Array(Type.Object({ subnet: Type.String(), total: Type.Integer(), free: Type.Integer() })),
  code: Type.Optional(text('Why not, for scripts.')),
  because: Type.Optional(text('Why not, for people; as the scheduler is told.')),
})

export const ExplanationItem = Type.Object(
  {
    pod: text('namespace/name'),
    podUid: Type.Optional(Type.String()),
    reason: t.UnionEnum(REASONS, {
      description: 'Why it has no address, or has one. Stable: compare this in scripts.',
    }),
    because: text('The same for people, with the names of what it is about.'),
    help: text('What would help.'),
    asks: Type.Optional(
      Type.Object({
        key: text('Owner key under which its addresses are recorded.'),
        ...ownerFields,
        policy: Type.Integer(),
        policyName: Type.String(),
        ranges: Type.Array(Type.Array(Type.String()), { description: 'One address from each list; empty: any one.' }),
        poolSize: Type.Optional(Type.Integer({ description: 'The most addresses of its pool.' })),
        replicas: Type.Optional(Type.Integer({ description: 'Of its workload, where that is a limit.' })),
      }),
    ),
    has: Type.Array(HadItem),
    blockedBy: Type.Array(Blocker, { description: 'Who has what it waits for; at most 10.' }),
    blockedByTotal: Type.Optional(Type.Integer({ description: 'All of them; missing: too many to be counted.' })),
    nodes: Type.Optional(
      Type.Object({
        total: Type.Integer(),
        qualifying: Type.Integer(),
        groups: Type.Array(NodeGroupItem, { description: 'By where their addresses come from; at most 20.' }),
        more: Type.Integer({ description: 'Groups that are not shown.' }),
      }),
    ),
    waiting: Type.Object({
      listed: Type.Boolean({ description: 'It will be told when an address comes free for it.' }),
      since: Type.Optional(text('Refused on every node ever since.')),
      createdAt: Type.Optional(Type.String()),
      lastAskedAt: Type.Optional(text('When the scheduler asked last; missing: not since floatip started.')),
      nodesAsked: Type.Optional(Type.Integer()),
      nodesGranted: Type.Optional(Type.Integer()),
      unansweredWakes: Type.Optional(
        Type.Integer({ description: 'Times that it was told and the scheduler did not ask.' }),
      ),
      failedBind: Type.Optional(Type.Object({ node: Type.String(), at: Type.String(), because: Type.String() })),
    }),
  },
  {
    description: 'Why the pod has no address, or which it has.',
    examples: [
      {
        pod: 'default/late',
        podUid: '3f0c…',
        reason: 'no-address-left',
        because: 'no free address for nodes in 10.49.0.0/24',
        help: 'add a range for the nodes in 10.49.0.0/24 to the configuration, or let a pod there end',
        asks: {
          key: 'NULL_default_NULL_late',
          namespace: 'default',
          appName: 'NULL',
          podName: 'late',
          appType: 'NULL',
          policy: 0,
          policyName: 'release at pod end',
          ranges: [],
        },
        has: [],
        blockedBy: [],
        blockedByTotal: 0,
        nodes: {
          total: 2,
          qualifying: 0,
          groups: [
            {
              qualifies: false,
              nodes: 2,
              examples: ['node-1', 'node-2'],
              nodeSubnets: '10.49.0.0/24',
              entries: [{ subnet: '10.0.0.0/24', total: 4, free: 0 }],
              code: 'no-address-left',
              because: 'no free address for nodes in 10.49.0.0/24',
            },
          ],
          more: 0,
        },
        waiting: {
          listed: true,
          since: '2026-05-29T11:11:44.633Z',
          createdAt: '2026-05-29T11:11:44.000Z',
          lastAskedAt: '2026-05-29T11:11:44.633Z',
          nodesAsked: 2,
          nodesGranted: 0,
          unansweredWakes: 0,
        },
      },
    ],
  },
)

type Item = Static<typeof ExplanationItem>

export function encodeExplanation(namespace: string, name: string, explanation: Explanation): Item {
  const { pod, reason, because, help, has, blockers, nodes } = explanation
  return {
    pod: `${namespace}/${name}`,
    ...(pod !== null && { podUid: pod.uid }),
    reason,
    because,
    help,
    ...(pod?.asks && { asks: encodeAsks(explanation, pod) }),
    has: has.map(encodeHad),
    blockedBy: blockers.rows.map(encodeBlocker),
    ...(blockers.total !== null && { blockedByTotal: blockers.total }),
    ...(nodes !== null && { nodes: { ...nodes, groups: nodes.groups.map(encodeGroup) } }),
    waiting: encodeWaiting(explanation),
  }
}

function encodeAsks({ demand }: Explanation, pod: NonNullable<Explanation['pod']>): NonNullable<Item['asks']> {
  const { owner, policy, request } = pod
  const workload = demand?.workload
  return {
    key: ownerKey(owner),
    ...encodeOwner(owner),
    policy,
    policyName: policyName(policy),
    ranges: isRefusal(request) ? [] : request.lists.map(list => list.map(rangeText)),
    ...(demand !== null && demand.poolSize !== null && { poolSize: demand.poolSize }),
    ...(workload?.state === 'present' && { replicas: workload.replicas }),
  }
}

function encodeHad({ row, orphaned, atEnd }: Had): Item['has'][number] {
  return {
    ip: row.address.text,
    state: row.phase,
    orphaned,
    ...(row.node !== null && { node: row.node }),
    since: timeText(row.updatedAt),
    ...(atEnd !== null && {
      ifThePodEnded: {
        kept: atEnd.keptFor !== null,
        ...(atEnd.keptFor !== null && { keptFor: ownerKey(atEnd.keptFor) }),
        because: atEnd.because,
      },
    }),
  }
}

function encodeBlocker(row: Allocation): Item['blockedBy'][number] {
  return {
    ip: row.address.text,
    key: ownerKey(row.owner),
    ...encodeOwner(row.owner),
    state: row.phase,
    ...(row.incarnation !== null && { podUid: row.incarnation }),
    ...(row.node !== null && { node: row.node }),
    since: timeText(row.updatedAt),
  }
}

function encodeGroup({ nodeSubnets, nodes, examples, refusal, entries }: GroupShown): Static<typeof NodeGroupItem> {
  return {
    qualifies: refusal === null,
    nodes,
    examples: [...examples],
    ...(nodeSubnets !== '' && { nodeSubnets }),
    entries: [...entries],
    ...(refusal !== null && { code: refusal.code, because: refusal.because }),
  }
}

function encodeWaiting({ pod, asked, waiting }: Explanation): Item['waiting'] {
  const failed = asked?.failedBind ?? null
  return {
    listed: waiting !== undefined,
    ...(asked?.waitsSince != null && { since: timeText(asked.waitsSince) }),
    ...(pod !== null && pod.createdAt > 0 && { createdAt: timeText(pod.createdAt) }),
    ...(asked?.filteredAt != null && {
      lastAskedAt: timeText(asked.filteredAt),
      nodesAsked: asked.nodes,
      nodesGranted: asked.granted,
    }),
    ...(waiting !== undefined && { unansweredWakes: waiting.slept }),
    ...(failed !== null && { failedBind: { node: failed.node, at: timeText(failed.at), because: failed.because } }),
  }
}
