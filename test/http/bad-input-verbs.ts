/** Owns the part of the table of bad input that is about annotations and the other verbs. */
import { pod } from '../app/objects.ts'
import type { BadRow } from './bad-input.ts'
import { ARGS, ask, bound, FORMS, filter, preempt, refused, row } from './bad-input-extender.ts'

const ANNOTATIONS: readonly BadRow[] = [
  refused('an annotation that is not JSON', '{', `${ARGS}is not JSON`),
  refused('an annotation that is a list', '[]', `${ARGS}must be a JSON object`),
  refused(
    'request_ip_range is a text',
    '{"request_ip_range":"10.0.0.2"}',
    `${ARGS}request_ip_range must be a list of lists of ranges`,
  ),
  refused(
    'a list that is a text',
    '{"request_ip_range":["10.0.0.2"]}',
    `${ARGS}request_ip_range[0] must be a list of at least one range`,
  ),
  refused(
    'an empty list',
    '{"request_ip_range":[[]]}',
    `${ARGS}request_ip_range[0] must be a list of at least one range`,
  ),
  refused(
    'a range that is a number',
    '{"request_ip_range":[[7]]}',
    `${ARGS}request_ip_range[0][0] must be ${FORMS}, not 7`,
  ),
  refused(
    'a range that runs backwards',
    '{"request_ip_range":[["10.0.0.9~10.0.0.2"]]}',
    `${ARGS}request_ip_range[0][0] must be ${FORMS}, not "10.0.0.9~10.0.0.2"`,
  ),
  refused(
    'a range of three',
    '{"request_ip_range":[["10.0.0.2~10.0.0.3~10.0.0.4"]]}',
    `${ARGS}request_ip_range[0][0] must be ${FORMS}, not "10.0.0.2~10.0.0.3~10.0.0.4"`,
  ),
  refused(
    'a range of two families',
    '{"request_ip_range":[["10.0.0.2~fd00::1"]]}',
    `${ARGS}request_ip_range[0][0] must be ${FORMS}, not "10.0.0.2~fd00::1"`,
  ),
  refused(
    'an address with leading zeros',
    '{"request_ip_range":[["10.0.0.02"]]}',
    `${ARGS}request_ip_range[0][0] must be ${FORMS}, not "10.0.0.02"`,
  ),
  refused(
    '65 lists',
    JSON.stringify({ request_ip_range: Array(65).fill(['10.0.0.2']) }),
    `${ARGS}request_ip_range has 65 lists: at most 64 are served`,
  ),
  refused(
    'a range outside the configuration',
    '{"request_ip_range":[["10.0.0.2"],["172.16.0.1"]]}',
    'request_ip_range[1] (172.16.0.1) has no address of the configuration floatingips',
  ),
  refused(
    'more lists than addresses',
    '{"request_ip_range":[["10.0.0.2"],["10.0.0.2"]]}',
    'FloatingIPPlugin:NoFIPLeft: no free address for the requested ranges for nodes in 10.49.0.0/24',
  ),
  filter(
    'a pool name that is none',
    ask(pod('p', { annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'X_' } })),
    200,
    'pool name "X_" must be a DNS-1123 name such as web-pool',
  ),
  filter(
    'policy never for a name without a number',
    ask(pod('p', { policy: 'never' })),
    200,
    'release policy never is not supported for pod p of no workload: its name does not end in -<number>',
  ),
  filter(
    'policy immutable for a bare pod',
    ask(pod('p', { policy: 'immutable' })),
    200,
    'release policy immutable is not supported for pod p of no workload',
  ),
]

const BINDS: readonly BadRow[] = [
  row(
    'bind: not JSON',
    'POST /v1/bind',
    'bind',
    400,
    'the body is not JSON: JSON Parse error: Unexpected identifier "bind"',
  ),
  row('bind: a list', 'POST /v1/bind', '[]', 400, 'the body must be a JSON object, not a list'),
  row(
    'bind: no PodName',
    'POST /v1/bind',
    bound({ PodName: undefined }),
    400,
    'PodName must be a text that is not empty, not missing',
  ),
  row(
    'bind: no PodNamespace',
    'POST /v1/bind',
    bound({ PodNamespace: '' }),
    400,
    'PodNamespace must be a text that is not empty, not ""',
  ),
  row(
    'bind: PodUID is null, and the pod not there',
    'POST /v1/bind',
    bound({ PodUID: null }),
    200,
    'pod default/p does not exist',
  ),
  row(
    'bind: PodUID is a number',
    'POST /v1/bind',
    bound({ PodUID: 7 }),
    400,
    'PodUID must be a text that is not empty, not 7',
  ),
  row(
    'bind: Node is an object',
    'POST /v1/bind',
    bound({ Node: {} }),
    400,
    'Node must be a text that is not empty, not an object',
  ),
  row('bind: a pod that is not there', 'POST /v1/bind', bound({}), 200, 'pod default/p (uid p#1) is gone'),
  row(
    'bind: a pod name of 3,000 letters',
    'POST /v1/bind',
    bound({ PodName: 'n'.repeat(3_000) }),
    200,
    `pod default/${'n'.repeat(3_000)} (uid p#1) is gone`,
  ),
]

const OTHERS: readonly BadRow[] = [
  row('priority: not JSON', 'POST /v1/priority', '', 400, 'the body is not JSON: JSON Parse error: Unexpected EOF'),
  row('priority: Pod is null', 'POST /v1/priority', ask(null), 400, 'Pod must be a JSON object, not missing'),
  row(
    'preempt: Pod is null',
    'POST /v1/preempt',
    preempt({ Pod: null }),
    400,
    'Pod must be a JSON object, not missing',
  ),
  row(
    'preempt: victims are a list',
    'POST /v1/preempt',
    preempt({ NodeNameToVictims: [] }),
    400,
    'NodeNameToVictims must be a JSON object, not a list',
  ),
  row(
    'preempt: a node’s victims are null',
    'POST /v1/preempt',
    preempt({ NodeNameToMetaVictims: { a1: null } }),
    400,
    'NodeNameToMetaVictims[a1] must be a JSON object, not missing',
  ),
  row(
    'preempt: Pods is an object',
    'POST /v1/preempt',
    preempt({ NodeNameToMetaVictims: { a1: { Pods: {} } } }),
    400,
    'NodeNameToMetaVictims[a1].Pods must be a list, not an object',
  ),
  row(
    'preempt: a victim without a UID',
    'POST /v1/preempt',
    preempt({ NodeNameToMetaVictims: { a1: { Pods: [{}] } } }),
    400,
    'NodeNameToMetaVictims[a1].Pods[0] UID must be a text that is not empty, not missing',
  ),
  row(
    'preempt: a full victim without metadata',
    'POST /v1/preempt',
    preempt({ NodeNameToVictims: { a1: { Pods: [{}] } } }),
    400,
    'NodeNameToVictims[a1].Pods[0].metadata must be a JSON object, not missing',
  ),
  row(
    'an unknown verb',
    'POST /v1/postbind',
    '{}',
    404,
    'no such path; this port serves /v1/filter, /v1/priority, /v1/bind, /v1/preempt and /healthy',
  ),
  row('a GET for filter', 'GET /v1/filter', undefined, 405, 'filter must be a POST'),
  row('a PUT for bind', 'PUT /v1/bind', '{}', 405, 'bind must be a POST'),
  row('a DELETE for preempt', 'DELETE /v1/preempt', undefined, 405, 'preempt must be a POST'),
]

export const VERB_ROWS = [...ANNOTATIONS, ...BINDS, ...OTHERS]
