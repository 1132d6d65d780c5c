/** Owns the API's part of the table of bad input. */
import type { BadRow } from './bad-input.ts'

const row = (what: string, line: string, body: string | undefined, status: number, text: string): BadRow => ({
  what,
  port: 'api',
  line,
  body,
  status,
  text,
})
const get = (what: string, query: string, status: number, text: string) =>
  row(what, `GET /v1/ip?${query}`, undefined, status, text)
const post = (what: string, body: string, status: number, text: string) => row(what, 'POST /v1/ip', body, status, text)
const item = (part: string) => `{"ips":[${part}]}`
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const DEEP = 'the body is nested deeper than 32 levels'
const IP = "body at /ips/0/ip: Expected property 'ips.0.ip' to be string but found: "
const NONE =
  '{"last":true,"totalElements":0,"totalPages":0,"first":true,"numberOfElements":0,"size":10,"number":0,"content":[]}'
const SORTS = 'sort must be one of ip, namespace, podname, policy, then asc or desc; not '

export const API_ROWS: readonly BadRow[] = [
  post('an empty body', '', 400, 'the body is not JSON'),
  post('not JSON', '{"ips":', 400, 'the body is not JSON'),
  post('null', 'null', 400, 'body: Expected object'),
  post('a list', '[]', 400, 'body: Expected object'),
  post('20,000 lists in one another', `{"ips":${nested(20_000)}}`, 400, DEEP),
  post('the same in an item', item(`{"ip":"10.0.0.2","namespace":${nested(200_000)}}`), 400, DEEP),
  post('no ips', '{}', 400, "body at /ips: Property 'ips' is missing"),
  post('ips is an object', '{"ips":{}}', 400, 'body at /ips: Expected array'),
  post('an item is a text', item('"10.0.0.2"'), 400, 'body at /ips/0: Expected object'),
  post('an item without ip', item('{}'), 400, "body at /ips/0/ip: Property 'ips.0.ip' is missing"),
  post('ip is a number', item('{"ip":167772162}'), 400, `${IP}167772162`),
  post('ip is empty', item('{"ip":""}'), 400, 'ips[0].ip must be an IP address, not ""'),
  post('ip is out of bounds', item('{"ip":"10.0.0.256"}'), 400, 'ips[0].ip must be an IP address, not "10.0.0.256"'),
  post('ip is a CIDR', item('{"ip":"10.0.0.2/32"}'), 400, 'ips[0].ip must be an IP address, not "10.0.0.2/32"'),
  post(
    'the second ip is a name',
    item('{"ip":"10.0.0.2"},{"ip":"localhost"}'),
    400,
    'ips[1].ip must be an IP address, not "localhost"',
  ),
  post(
    'a type that is none',
    item('{"ip":"10.0.0.2","appType":"sts_x"}'),
    400,
    'ips[0].appType must be a kind such as deployment or statefulset, not "sts_x"',
  ),
  post(
    'appName is a number',
    item('{"ip":"10.0.0.2","appName":7}'),
    400,
    "body at /ips/0/appName: Expected property 'ips.0.appName' to be string but found: 7",
  ),
  {
    ...post('a body of 20 MB', '', 413, ''),
    headers: { 'content-length': '20000000', 'content-type': 'application/json' },
  },
  get('a list from something that is no address on', 'after=web-0', 400, 'after must be an IP address, not "web-0"'),
  get('an unknown field to sort by', 'sort=node', 400, `${SORTS}"node"`),
  get('an unknown direction', 'sort=ip%20up', 400, `${SORTS}"ip up"`),
  get('three words to sort by', 'sort=ip%20asc%20desc', 400, `${SORTS}"ip asc desc"`),
  get('SQL in sort', 'sort=ip;drop%20table%20allocation', 400, `${SORTS}"ip;drop table allocation"`),
  get('a parameter twice', 'namespace=a&namespace=b', 200, NONE),
  row('an unknown path', 'GET /v1/ips', undefined, 404, 'no such path'),
  row('a PUT', 'PUT /v1/ip', '{}', 405, '/v1/ip takes GET and POST'),
  row('a DELETE', 'DELETE /v1/ip', undefined, 405, '/v1/ip takes GET and POST'),
  row(
    'an unknown level',
    'PUT /v1/log-level',
    '{"level":"loud"}',
    400,
    'level must be one of debug, info, warn, error, silent, not "loud"',
  ),
  row('a level without a body', 'PUT /v1/log-level', '', 400, 'the body is not JSON'),
  row('a POST to the metrics', 'POST /metrics', '{}', 405, '/metrics takes GET'),
  row('a POST to a probe', 'POST /readyz', '{}', 405, '/readyz takes GET'),
]
