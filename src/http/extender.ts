/** Owns the extender's port: kube-scheduler asks here (filter, priority, bind, preempt), and only HTTP 200 is an answer to it. */
import { Elysia } from 'elysia'
import type { Binding } from '../app/bind.ts'
import type { Filtering } from '../app/filter.ts'
import type { Gate } from '../app/gate.ts'
import type { Waking } from '../app/waking.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import { messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import type { SchedulerAnswer } from '../lib/metrics.ts'
import { JSON_TYPE } from './answers.ts'
import {
  decodeBind,
  decodeNodesQuestion,
  decodePreempt,
  encodeFilter,
  encodePreempt,
  filterError,
  type KubeReaders,
  refusalText,
  UNSAID,
} from './extender-wire.ts'
import { BadRequest } from './json.ts'
import { SILENT_MAX_S } from './patience.ts'

/** 5,000 full nodes of 25 kB are 125 MB; beyond that somebody errs. */
const BODY_MAX = 160 * 1024 * 1024

const AS_JSON = { headers: { 'content-type': JSON_TYPE } }

export interface ExtenderParts {
  readonly gate: Gate
  readonly filtering: Filtering
  readonly binding: Binding
  readonly waking: Pick<Waking, 'heard' | 'answered'>
  readonly read: KubeReaders
  /** The pod of this name by a quorum read, for an asker that does not say its UID; null: there is none. */
  readonly podNow: (namespace: string, name: string) => Promise<PodFact | null>
  readonly log: Log
  /** Each answer for a pod that asks, as measured. */
  readonly onAnswered?: (answer: SchedulerAnswer) => void
  /** Refused nodes go into FailedNodes (schedulers before 1.21 know nothing else). */
  readonly legacyFailedNodes: boolean
}

export function extenderApp(parts: ExtenderParts) {
  const { gate, filtering, binding, waking, read, log, legacyFailedNodes } = parts

  function answered(verb: SchedulerAnswer['verb'], began: number, result: Refusal | 'done' | 'failed'): number {
    const ms = since(began)
    const isRefused = typeof result === 'object'
    parts.onAnswered?.({
      verb,
      outcome: isRefused ? 'refused' : result,
      reason: isRefused ? result.code : null,
      ms,
    })
    return ms
  }

  function notReady(): string | null {
    return gate.open ? null : `floatip is not ready: waiting for ${gate.waitingFor}`
  }

  /** As asked, or, without a UID, as the API server has it now: an incarnation has its name from there alone. */
  async function identified(pod: PodFact): Promise<PodFact> {
    if (pod.uid !== UNSAID) return pod
    const now = await parts.podNow(pod.namespace, pod.name)
    if (now === null) throw new BadRequest(absent(pod))
    return now
  }

  async function filter(text: string) {
    const question = decodeNodesQuestion(text, read)
    const { nodes } = question
    if (!question.pod.asks)
      return encodeFilter(
        question,
        nodes.map(() => null),
        legacyFailedNodes,
      )
    const closed = notReady()
    if (closed !== null) return filterError(closed)
    const began = performance.now()
    let pod: PodFact
    try {
      pod = await identified(question.pod)
    } catch (error) {
      answered('filter', began, 'failed')
      const { namespace, name } = question.pod
      log.warn({ pod: `${namespace}/${name}`, reason: messageOf(error) }, 'asked without a UID, and not found')
      return filterError(messageOf(error))
    }
    waking.heard(pod.uid)
    try {
      const verdicts = await filtering.filter(pod, nodes)
      const fitting = verdicts.filter(verdict => verdict === null).length
      waking.answered(pod.uid, fitting > 0)
      const ms = answered('filter', began, fitting > 0 ? 'done' : (verdicts[0] ?? 'done'))
      log.debug({ pod: `${pod.namespace}/${pod.name}`, nodes: nodes.length, fitting, ms }, 'filter')
      return encodeFilter(question, verdicts, legacyFailedNodes)
    } catch (error) {
      waking.answered(pod.uid, false)
      answered('filter', began, 'failed')
      log.error({ pod: `${pod.namespace}/${pod.name}`, err: error }, 'filter failed')
      return filterError(messageOf(error))
    }
  }

  function prioritize(text: string) {
    const { pod, nodes } = decodeNodesQuestion(text, read)
    if (!gate.open || !pod.asks) return nodes.map(({ name }) => ({ Host: name, Score: 0 }))
    const began = performance.now()
    const scores = filtering.prioritize(pod, nodes)
    answered('priority', began, 'done')
    return nodes.map(({ name }, at) => ({ Host: name, Score: scores[at] ?? 0 }))
  }

  async function bind(text: string) {
    const request = decodeBind(text)
    const closed = notReady()
    if (closed !== null) return { Error: closed }
    const pod = `${request.namespace}/${request.name}`
    const began = performance.now()
    try {
      const uid = request.uid === UNSAID ? (await parts.podNow(request.namespace, request.name))?.uid : request.uid
      const refused =
        uid === undefined ? refusal('not-found', absent(request)) : await binding.bind({ ...request, uid })
      const ms = answered('bind', began, refused ?? 'done')
      if (refused === null) return { Error: '' }
      log.warn({ pod, node: request.node, code: refused.code, reason: refused.because, ms }, 'bind refused')
      return { Error: refusalText(refused) }
    } catch (error) {
      const ms = answered('bind', began, 'failed')
      log.error({ pod, node: request.node, reason: messageOf(error), ms }, 'bind failed')
      return { Error: messageOf(error) }
    }
  }

  async function preempt(text: string) {
    const { pod, candidates } = decodePreempt(text, read)
    if (!pod.asks) return encodePreempt(candidates)
    if (!gate.open) throw new Error(notReady() ?? '')
    const began = performance.now()
    const asked = candidates.map(({ node, victims }) => ({ node: { name: node, addresses: null }, victims }))
    const possible = await filtering.preempt(await identified(pod), asked)
    answered('preempt', began, 'done')
    return encodePreempt(candidates.filter((_, at) => possible[at]))
  }

  const verbs = { filter, priority: prioritize, bind, preempt }
  const app = new Elysia({ serve: { maxRequestBodySize: BODY_MAX, idleTimeout: SILENT_MAX_S } }).onError(
    ({ error, code, set }) => {
      set.headers['content-type'] = JSON_TYPE
      if (code === 'NOT_FOUND') {
        set.status = 404
        return {
          Error: `no such path; this port serves ${Object.keys(verbs)
            .map(verb => `/v1/${verb}`)
            .join(', ')} and /healthy`,
        }
      }
      set.status = error instanceof BadRequest ? 400 : 500
      if (set.status === 500) log.error({ err: error }, 'extender request failed')
      return { Error: messageOf(error) }
    },
  )
  for (const [verb, answer] of Object.entries(verbs)) {
    app.post(`/v1/${verb}`, async ({ request }) => Response.json(await answer(await request.text()), AS_JSON), {
      parse: 'none',
    })
    app.all(`/v1/${verb}`, ({ set }) => {
      set.status = 405
      set.headers['content-type'] = JSON_TYPE
      set.headers.allow = 'POST'
      return { Error: `${verb} must be a POST` }
    })
  }
  // galaxy-ipam does not listen before it serves: who waits for this answer asks filter next.
  return app.get('/healthy', ({ status }) => (gate.open ? 'ok' : status(503, `waiting for ${gate.waitingFor}`)))
}

function absent({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `pod ${namespace}/${name} does not exist`
}

function since(began: number): number {
  return Math.round((performance.now() - began) * 100) / 100
}
