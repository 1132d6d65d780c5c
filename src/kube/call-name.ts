/** Owns under which name a call to the API server is counted: a verb and a resource, both from small fixed sets. */

/** What we ask for by name; all else (custom workloads, whose kinds are many) counts as `other`. */
const RESOURCES = new Set([
  ...['pods', 'pods/binding', 'nodes', 'configmaps', 'endpoints', 'events', 'leases'],
  ...['deployments', 'statefulsets', 'replicasets'],
  ...['floatingips', 'pools', 'pools/status', 'customresourcedefinitions'],
])

export interface CallName {
  readonly verb: string
  readonly resource: string
}

/** `/api/v1/namespaces/default/pods/web-0/binding` is a POST of `pods/binding`; a GET without a name is a LIST. */
export function callName(method: string, path: string): CallName {
  const parts = path.split('/').slice(1)
  // /api/v1/… and /apis/<group>/<version>/…
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3)
  const [plural = '', name, subresource] = rest[0] === 'namespaces' && rest.length > 2 ? rest.slice(2) : rest
  const full = subresource === undefined ? plural : `${plural}/${subresource}`
  const verb = method === 'GET' && name === undefined ? 'LIST' : method
  return { verb, resource: RESOURCES.has(full) ? full : 'other' }
}
