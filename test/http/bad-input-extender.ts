/** Owns the part of the table of bad input that is about bodies, pods and nodes. */
import { type Kube, pod } from '../app/objects.ts'
import type { BadRow } from './bad-input.ts'

const NAMES = ['a1']
export const P = pod('p')
export const ask = (Pod: unknown, more: object = {}) => JSON.stringify({ Pod, Nodes: null, NodeNames: NAMES, ...more })
const podWith = (part: object): object => ({ ...P, ...part })
const meta = (part: object): object => podWith({ metadata: { ...P.metadata, ...part } })
export const args = (text: string): Kube => pod('p', { args: text })
const nodes = (...items: unknown[]) => JSON.stringify({ Pod: P, Nodes: { items }, NodeNames: null })
export const bound = (part: object) =>
  JSON.stringify({ PodName: 'p', PodNamespace: 'default', PodUID: 'p#1', Node: 'a1', ...part })
export const preempt = (part: object) =>
  JSON.stringify({ Pod: P, NodeNameToVictims: null, NodeNameToMetaVictims: null, ...part })

export const row = (what: string, line: string, body: BadRow['body'], status: number, text: string): BadRow => ({
  what,
  port: 'extender',
  line,
  body,
  status,
  text,
})
export const filter = (what: string, body: BadRow['body'], status: number, text: string) =>
  row(what, 'POST /v1/filter', body, status, text)
const POD = 'Pod does not have the form of a Kubernetes pod'
const NODE = 'Nodes.items[0] does not have the form of a Kubernetes node'
export const ARGS = 'annotation k8s.v1.cni.galaxy.io/args: '
export const FORMS = 'a single address, "a~b", "a-b" or a CIDR'
/** A refusal per node: the pod's author can mend it. */
export const refused = (what: string, text: string, because: string) => filter(what, ask(args(text)), 200, because)

const BODIES: readonly BadRow[] = [
  filter('an empty body', '', 400, 'the body is not JSON: JSON Parse error: Unexpected EOF'),
  filter('not JSON', '{"Pod":', 400, 'the body is not JSON: JSON Parse error: Unexpected EOF'),
  filter('a form', 'Pod=p', 400, 'the body is not JSON: JSON Parse error: Unexpected identifier "Pod"'),
  filter('JSON null', 'null', 400, 'the body must be a JSON object, not missing'),
  filter('a list', '[]', 400, 'the body must be a JSON object, not a list'),
  filter('a text', '"Pod"', 400, 'the body must be a JSON object, not "Pod"'),
  filter(
    'invalid UTF-8',
    new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    400,
    'Pod must be a JSON object, not missing',
  ),
  filter(
    '100,000 levels of nesting',
    `{"Pod":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    400,
    'Pod must be a JSON object, not a list',
  ),
  filter('an empty object', '{}', 400, 'Pod must be a JSON object, not missing'),
  {
    ...filter('a body of 170 MB', undefined, 413, ''),
    headers: { 'content-length': '170000000', 'content-type': 'application/json' },
  },
]

const PODS: readonly BadRow[] = [
  filter('Pod is null', ask(null), 400, 'Pod must be a JSON object, not missing'),
  filter('Pod is a list', ask([P]), 400, 'Pod must be a JSON object, not a list'),
  filter('Pod is a text', ask('p'), 400, 'Pod must be a JSON object, not "p"'),
  filter('a Pod without metadata', ask({}), 400, 'Pod.metadata must be a JSON object, not missing'),
  filter(
    'a Pod without a name',
    ask(meta({ name: undefined })),
    400,
    'Pod.metadata.name must be a text that is not empty, not missing',
  ),
  filter(
    'a Pod with an empty name',
    ask(meta({ name: '' })),
    400,
    'Pod.metadata.name must be a text that is not empty, not ""',
  ),
  filter(
    'a Pod whose name is a number',
    ask(meta({ name: 7 })),
    400,
    'Pod.metadata.name must be a text that is not empty, not 7',
  ),
  filter(
    'a Pod without a namespace',
    ask(meta({ namespace: undefined })),
    400,
    'Pod.metadata.namespace must be a text that is not empty, not missing',
  ),
  filter('a Pod without a UID that is not there', ask(meta({ uid: null })), 200, 'pod default/p does not exist'),
  filter(
    'a Pod whose UID is a number',
    ask(meta({ uid: 7 })),
    400,
    'Pod.metadata.uid must be a text that is not empty, not 7',
  ),
  filter('containers is an object', ask(podWith({ spec: { containers: {} } })), 400, POD),
  filter('a container is null', ask(podWith({ spec: { containers: [null] } })), 400, POD),
  filter('ownerReferences is an object', ask(meta({ ownerReferences: {} })), 400, POD),
  filter('an annotation that is a number', ask(meta({ annotations: { 'k8s.v1.cni.galaxy.io/args': 5 } })), 400, POD),
]

const NODES: readonly BadRow[] = [
  filter('NodeNames is a text', ask(P, { NodeNames: 'a1' }), 400, 'NodeNames must be a list, not "a1"'),
  filter('NodeNames is an object', ask(P, { NodeNames: {} }), 400, 'NodeNames must be a list, not an object'),
  filter(
    'a node name is a number',
    ask(P, { NodeNames: ['a1', 5] }),
    400,
    'NodeNames[1] must be a text that is not empty, not 5',
  ),
  filter(
    'a node name is empty',
    ask(P, { NodeNames: [''] }),
    400,
    'NodeNames[0] must be a text that is not empty, not ""',
  ),
  filter(
    'a node name of 100,000 letters',
    ask(P, { NodeNames: ['n'.repeat(100_000)] }),
    200,
    JSON.stringify({
      Nodes: null,
      NodeNames: [],
      FailedNodes: { ['n'.repeat(100_000)]: 'FloatingIPPlugin:UnknowNode: the node has no InternalIP' },
      FailedAndUnresolvableNodes: { ['n'.repeat(100_000)]: 'FloatingIPPlugin:UnknowNode: the node has no InternalIP' },
      Error: '',
    }),
  ),
  filter('Nodes is a list', JSON.stringify({ Pod: P, Nodes: [] }), 400, 'Nodes must be a JSON object, not a list'),
  filter(
    'Nodes.items is an object',
    JSON.stringify({ Pod: P, Nodes: { items: {} } }),
    400,
    'Nodes.items must be a list, not an object',
  ),
  filter('a node is null', nodes(null), 400, 'Nodes.items[0] must be a JSON object, not missing'),
  filter('a node without metadata', nodes({}), 400, 'Nodes.items[0].metadata must be a JSON object, not missing'),
  filter(
    'a node without a name',
    nodes({ metadata: {} }),
    400,
    'Nodes.items[0].metadata.name must be a text that is not empty, not missing',
  ),
  filter(
    'a node whose addresses are an object',
    nodes({ metadata: { name: 'a1' }, status: { addresses: {} } }),
    400,
    NODE,
  ),
  filter('a node whose address is null', nodes({ metadata: { name: 'a1' }, status: { addresses: [null] } }), 400, NODE),
  filter(
    'a node whose InternalIP is none',
    nodes({ metadata: { name: 'a1' }, status: { addresses: [{ type: 'InternalIP', address: '10.49.0.300' }] } }),
    200,
    'FloatingIPPlugin:UnknowNode: the node has no InternalIP',
  ),
]

export const BODY_ROWS = [...BODIES, ...PODS, ...NODES]
