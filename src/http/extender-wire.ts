/** Owns the scheduler's wire format (k8s.io/kube-scheduler extender/v1): bodies in, bodies out. */

import type { BindRequest } from '../app/bind.ts'
import type { AskedNode } from '../app/filter.ts'
import type { Refusal, RefusalCode } from '../domain/refusal.ts'
import type { NodeFact } from '../kube/node.ts'
import type { PodFact } from '../kube/pod.ts'
import { field, type JsonObject } from '../lib/field.ts'
import { asList, asObject, asText, BadRequest, parseObject } from './json.ts'

/** How Kubernetes JSON becomes facts; it lives with everything else that knows Kubernetes. */
export interface KubeReaders {
  pod(raw: unknown): PodFact
  node(raw: unknown): NodeFact
}

export interface NodesQuestion {
  readonly pod: PodFact
  readonly nodes: readonly AskedNode[]
  /** The node objects as received, when the scheduler sent them (nodeCacheCapable: false); to be echoed unchanged. */
  readonly objects: readonly JsonObject[] | null
}

export function decodeNodesQuestion(text: string, read: KubeReaders): NodesQuestion {
  const body = parseObject(text)
  const pod = decodePod(field(body, 'Pod'), read)
  const names = field(body, 'NodeNames')
  if (names !== undefined) {
    const nodes = asList(names, 'NodeNames').map((name, at) => ({
      name: asText(name, `NodeNames[${at}]`),
      addresses: null,
    }))
    return { pod, nodes, objects: null }
  }
  const list = field(body, 'Nodes')
  if (list === undefined) return { pod, nodes: [], objects: null }
  const items = field(asObject(list, 'Nodes'), 'items') ?? []
  const objects = asList(items, 'Nodes.items').map((item, at) => asObject(item, `Nodes.items[${at}]`))
  const nodes = objects.map((object, at) => {
    requireMetadata(object, ['name'], `Nodes.items[${at}]`)
    const { name, addresses } = readAs('node', `Nodes.items[${at}]`, () => read.node(object))
    return { name, addresses }
  })
  return { pod, nodes, objects }
}

function decodePod(value: unknown, read: KubeReaders): PodFact {
  const pod = asObject(value, 'Pod')
  requireMetadata(pod, ['name', 'namespace'], 'Pod')
  const { uid } = pod.metadata as JsonObject
  if (isUnsaid(uid)) return { ...readAs('pod', 'Pod', () => read.pod(pod)), uid: UNSAID }
  asText(uid, 'Pod.metadata.uid')
  return readAs('pod', 'Pod', () => read.pod(pod))
}

/** The UID of a pod whose asker did not say which incarnation it means: never used as one. */
export const UNSAID = ''

function isUnsaid(uid: unknown): boolean {
  return uid === undefined || uid === null || uid === UNSAID
}

/** What Kubernetes would never send: a field of another type. */
function readAs<T>(kind: string, where: string, reading: () => T): T {
  try {
    return reading()
  } catch {
    throw new BadRequest(`${where} does not have the form of a Kubernetes ${kind}`)
  }
}

function requireMetadata(object: JsonObject, names: readonly string[], where: string): void {
  const metadata = asObject(object.metadata, `${where}.metadata`)
  for (const name of names) asText(metadata[name], `${where}.metadata.${name}`)
}

export function decodeBind(text: string): BindRequest {
  const body = parseObject(text)
  const uid = field(body, 'PodUID')
  return {
    name: asText(field(body, 'PodName'), 'PodName'),
    namespace: asText(field(body, 'PodNamespace'), 'PodNamespace'),
    uid: isUnsaid(uid) ? UNSAID : asText(uid, 'PodUID'),
    node: asText(field(body, 'Node'), 'Node'),
  }
}

export interface PreemptQuestion {
  readonly pod: PodFact
  readonly candidates: readonly PreemptCandidate[]
}

export interface PreemptCandidate {
  readonly node: string
  /** Pod UIDs. */
  readonly victims: readonly string[]
  readonly pdbViolations: number
}

/** Victims come as full pods or as UIDs: an empty map of one kind leaves the other. */
export function decodePreempt(text: string, read: KubeReaders): PreemptQuestion {
  const body = parseObject(text)
  const pod = decodePod(field(body, 'Pod'), read)
  const uids = field(body, 'NodeNameToMetaVictims')
  const full = field(body, 'NodeNameToVictims')
  const meta = full !== undefined && isEmpty(uids) ? undefined : uids
  const name = meta === undefined ? 'NodeNameToVictims' : 'NodeNameToMetaVictims'
  const byNode = asObject(meta ?? full ?? {}, name)
  const candidates = Object.entries(byNode).map(([node, value]) => {
    const where = `${name}[${node}]`
    const victims = asObject(value, where)
    const pods = asList(field(victims, 'Pods') ?? [], `${where}.Pods`).map((each, at) => {
      const object = asObject(each, `${where}.Pods[${at}]`)
      const uid =
        meta === undefined ? asObject(object.metadata, `${where}.Pods[${at}].metadata`).uid : field(object, 'UID')
      return asText(uid, `${where}.Pods[${at}] UID`)
    })
    const violations = Number(field(victims, 'NumPDBViolations') ?? 0)
    return { node, victims: pods, pdbViolations: Number.isInteger(violations) ? violations : 0 }
  })
  return { pod, candidates }
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** What the scheduler shows for a refused node; galaxy's texts stay recognisable. Every code has its line. */
const PREFIXES: Record<RefusalCode, string> = {
  'unknown-node': 'FloatingIPPlugin:UnknowNode: ',
  'node-not-configured': 'FloatingIPPlugin:NoFIPConfigNode: ',
  'no-address-left': 'FloatingIPPlugin:NoFIPLeft: ',
  resting: 'FloatingIPPlugin:NoFIPLeft: ',
  'address-elsewhere': 'FloatingIPPlugin:NoFIPLeft: ',
  'limit-reached': '',
  'rollout-deadlock': '',
  'waiting-for-old-pod': '',
  'policy-not-supported': '',
  'request-not-possible': '',
  'not-requested': '',
  'not-found': '',
  stale: '',
  'in-use': '',
}

export function refusalText({ code, because }: Refusal): string {
  return PREFIXES[code] + because
}

export interface FilterReply {
  readonly Nodes: { readonly metadata: object; readonly items: readonly JsonObject[] } | null
  readonly NodeNames: readonly string[] | null
  readonly FailedNodes: Readonly<Record<string, string>>
  readonly FailedAndUnresolvableNodes: Readonly<Record<string, string>>
  readonly Error: string
}

/**
 * Refused nodes are unresolvable: no preemption frees an address for a pod that only we refuse, and its text would loop.
 * They stand in FailedNodes too, where galaxy-ipam's readers and schedulers before 1.21 look; of a node in both maps every
 * later scheduler takes the unresolvable one (findNodesThatPassExtenders).
 */
export function encodeFilter(
  question: NodesQuestion,
  verdicts: readonly (Refusal | null)[],
  legacy: boolean,
): FilterReply {
  const failed: Record<string, string> = {}
  question.nodes.forEach(({ name }, at) => {
    const verdict = verdicts[at]
    if (verdict) failed[name] = refusalText(verdict)
  })
  const passes = (at: number) => verdicts[at] === null
  const { objects } = question
  return {
    Nodes: objects === null ? null : { metadata: {}, items: objects.filter((_, at) => passes(at)) },
    NodeNames: objects === null ? question.nodes.filter((_, at) => passes(at)).map(({ name }) => name) : null,
    FailedNodes: failed,
    FailedAndUnresolvableNodes: legacy ? {} : failed,
    Error: '',
  }
}

export function filterError(message: string): FilterReply {
  return { Nodes: null, NodeNames: null, FailedNodes: {}, FailedAndUnresolvableNodes: {}, Error: message }
}

/** The answer is always the meta form. */
export function encodePreempt(candidates: readonly PreemptCandidate[]) {
  return {
    NodeNameToMetaVictims: Object.fromEntries(
      candidates.map(({ node, victims, pdbViolations }) => [
        node,
        { Pods: victims.map(UID => ({ UID })), NumPDBViolations: pdbViolations },
      ]),
    ),
  }
}
