/** Owns the route of plans: a question in words, what would happen out. */
import { type Static, Type } from '@sinclair/typebox'
import { Elysia, t } from 'elysia'
import type { Gate } from '../app/gate.ts'
import type { Planning } from '../app/plan.ts'
import { FATES, type Plan, type PlanQuestion } from '../app/plan-words.ts'
import { type ConfigurationReading, problemsText, readConfiguration, readEntries } from '../domain/configuration.ts'
import { isObjectName, NO_CONTROLLER } from '../domain/owner.ts'
import { isRefusal } from '../domain/refusal.ts'
import { failure, failures, notReady } from './answers.ts'
import { BadRequest } from './json.ts'
import { kindOf } from './owner-wire.ts'

/** Each planned pod is scheduled on the copy, at some 50 µs: half a second. */
const REPLICAS_MAX = 10_000
/** Pods, orphaned and freed addresses in an answer; the counts are of all. */
const SHOWN_MAX = 1_000

const PlanBody = Type.Object(
  {
    scale: Type.Optional(
      Type.Object({
        kind: Type.String({ description: 'StatefulSet, Deployment, or another kind.' }),
        namespace: Type.String(),
        name: Type.String(),
        replicas: Type.Integer({ minimum: 0, maximum: REPLICAS_MAX }),
        apiVersion: Type.Optional(Type.String({ description: 'Of another kind, when it has no pods.' })),
      }),
    ),
    drain: Type.Optional(Type.Object({ node: Type.String() })),
    configuration: Type.Optional(
      Type.Any({ description: 'The whole value of floatingips as it would be: a text, or the JSON array itself.' }),
    ),
    pool: Type.Optional(Type.Object({ name: Type.String(), size: Type.Integer({ minimum: 0 }) })),
  },
  {
    additionalProperties: false,
    description: 'Exactly one of them.',
    examples: [
      { drain: { node: 'node-1' } },
      { scale: { kind: 'StatefulSet', namespace: 'default', name: 'web', replicas: 5 } },
      { pool: { name: 'blue', size: 4 } },
    ],
  },
)

const AddressItem = Type.Object({ ip: Type.String(), key: Type.String(), because: Type.String() })

const PlanAnswer = Type.Object(
  {
    ok: Type.Boolean({ description: 'No pod would wait or lose its address.' }),
    counts: Type.Record(Type.String(), Type.Integer(), { description: 'Pods by what would become of them.' }),
    pods: Type.Array(
      Type.Object({
        pod: Type.String({ description: 'namespace/name; made up for pods that do not exist yet.' }),
        fate: t.UnionEnum(FATES, {
          description:
            'lose: its address goes to nobody or another one, though it was to stay · wait: it would have none · get: a free one · end: it goes, as the plan wants · keep',
        }),
        before: Type.Array(Type.String()),
        after: Type.Array(Type.String(), { description: 'Which free address it would be is not promised.' }),
        code: Type.Optional(Type.String({ description: 'Why it would wait, for scripts.' })),
        because: Type.String(),
      }),
      { description: `The worst first; at most ${SHOWN_MAX}.` },
    ),
    orphaned: Type.Array(AddressItem, { description: 'They leave the configuration and belong to somebody.' }),
    freed: Type.Array(AddressItem, { description: 'Kept without a pod, and free afterwards.' }),
    subnets: Type.Array(
      Type.Object({
        subnet: Type.String(),
        gateway: Type.String(),
        totalBefore: Type.Integer(),
        totalAfter: Type.Integer(),
        freeBefore: Type.Integer(),
        freeAfter: Type.Integer(),
      }),
      { description: 'Those in which something would change.' },
    ),
    warnings: Type.Array(Type.String()),
    more: Type.Integer({ description: 'Pods and addresses that are not listed.' }),
  },
  {
    description: 'What would happen.',
    examples: [
      {
        ok: true,
        counts: { lose: 0, wait: 0, get: 0, end: 0, keep: 1 },
        pods: [
          {
            pod: 'default/web-0',
            fate: 'keep',
            before: ['10.0.0.5'],
            after: ['10.0.0.5'],
            because: 'it has what is kept for it',
          },
        ],
        orphaned: [],
        freed: [],
        subnets: [],
        warnings: [],
        more: 0,
      },
    ],
  },
)

export interface PlanRouteParts {
  readonly gate: Gate
  readonly planning: Planning
}

export function planRoutes({ gate, planning }: PlanRouteParts) {
  return new Elysia({ name: 'plan' }).post(
    '/v1/plan',
    async ({ body, status }) => {
      const question = decodeQuestion(body)
      if (!gate.open) return status(503, notReady(gate))
      const plan = await planning(question)
      return isRefusal(plan) ? status(404, failure(404, plan.because)) : encodePlan(plan)
    },
    {
      parse: 'json',
      body: PlanBody,
      response: { 200: PlanAnswer, ...failures(400, 404, 503) },
      detail: {
        tags: ['explain'],
        summary: 'What would happen if?',
        description:
          'Scale an app, drain a node, put another configuration in force or resize a pool: which pods would get, keep or lose an address or wait. Played by the real rules on a copy of the state; nothing is done. Only addresses are looked at, not CPU, taints or affinity.',
      },
    },
  )
}

function decodeQuestion({ scale, drain, configuration, pool }: Static<typeof PlanBody>): PlanQuestion {
  const given = [scale, drain, configuration, pool].filter(each => each !== undefined)
  if (given.length !== 1) throw new BadRequest('give exactly one of scale, drain, configuration and pool')
  if (drain !== undefined) return { kind: 'drain', node: drain.node }
  if (pool !== undefined) {
    if (!isObjectName(pool.name))
      throw new BadRequest(`pool.name must be a DNS-1123 name such as web-pool, not ${JSON.stringify(pool.name)}`)
    return { kind: 'resize', pool: pool.name, size: pool.size }
  }
  if (scale === undefined) return configure(configuration)
  const kind = kindOf(scale.kind)
  if (kind === NO_CONTROLLER || !/^[a-z][a-z0-9]*$/.test(kind))
    throw new BadRequest(
      `scale.kind must be a kind such as StatefulSet or Deployment, not ${JSON.stringify(scale.kind)}`,
    )
  for (const field of ['namespace', 'name'] as const) {
    const text = JSON.stringify(scale[field])
    if (!isObjectName(scale[field]))
      throw new BadRequest(`scale.${field} must be a DNS-1123 name such as web, not ${text}`)
  }
  const owner = { pool: '', kind, namespace: scale.namespace, workload: scale.name, pod: '' }
  return { kind: 'scale', owner, apiVersion: scale.apiVersion ?? '', replicas: scale.replicas }
}

function configure(value: unknown): PlanQuestion {
  const reading: ConfigurationReading = typeof value === 'string' ? readConfiguration(value) : readEntries(value)
  if (!reading.ok) throw new BadRequest(`configuration: ${problemsText(reading.problems)}`)
  return { kind: 'configure', configuration: reading.configuration }
}

function encodePlan({ ok, counts, pods, orphaned, freed, subnets, warnings }: Plan): Static<typeof PlanAnswer> {
  const lists = [pods, orphaned, freed, subnets]
  return {
    ok,
    counts: { ...counts },
    pods: pods.slice(0, SHOWN_MAX).map(({ code, before, after, ...pod }) => ({
      ...pod,
      before: [...before],
      after: [...after],
      ...(code !== null && { code }),
    })),
    orphaned: orphaned.slice(0, SHOWN_MAX),
    freed: freed.slice(0, SHOWN_MAX),
    subnets: subnets.slice(0, SHOWN_MAX),
    warnings: [...warnings],
    more: lists.reduce((sum, list) => sum + Math.max(0, list.length - SHOWN_MAX), 0),
  }
}
