/** Owns what the miniature API server says about itself: its groups, their resources, its version. */
import { groupVersion, type Resource, type Resources } from './resources.ts'
import { isScalable } from './scale.ts'

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']

/** Null: the path is none of discovery's. */
export function discover(path: string, resources: Resources): object | null {
  if (path === '/version') return { major: '1', minor: '37', gitVersion: 'v1.37.2-floatip-demo', platform: 'bun' }
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  if (path === '/apis') {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(resources).map(name => group(name, resources)) }
  }
  const parts = path.split('/').filter(part => part !== '')
  const [root, first = '', second] = parts
  if (root === 'api' && parts.length === 2) return resourceList('', first, resources)
  if (root === 'apis' && parts.length === 2 && groupsOf(resources).includes(first)) return group(first, resources)
  if (root === 'apis' && parts.length === 3) return resourceList(first, second ?? '', resources)
  return null
}

function groupsOf(resources: Resources): string[] {
  return [...new Set(resources.all().map(each => each.group))].filter(name => name !== '')
}

function group(name: string, resources: Resources): object {
  const own = resources.all().filter(each => each.group === name)
  const versions = [...new Set(own.map(each => each.version))].map(version => {
    return { groupVersion: groupVersion({ group: name, version }), version }
  })
  return { kind: 'APIGroup', apiVersion: 'v1', name, versions, preferredVersion: versions[0] }
}

function resourceList(groupName: string, version: string, resources: Resources): object | null {
  const own = resources.all().filter(each => each.group === groupName && each.version === version)
  if (own.length === 0) return null
  const listed = own.flatMap(each => [entry(each), ...subResources(each)])
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: groupVersion({ group: groupName, version }),
    resources: listed,
  }
}

function entry({ plural, singular, namespaced, kind, shortNames }: Resource): object {
  return { name: plural, singularName: singular, namespaced, kind, verbs: VERBS, shortNames }
}

function subResources(resource: Resource): object[] {
  const { plural, namespaced, kind, hasStatus } = resource
  const verbs = ['get', 'patch', 'update']
  const status = { name: `${plural}/status`, singularName: '', namespaced, kind, verbs }
  const binding = { name: 'pods/binding', singularName: '', namespaced: true, kind: 'Binding', verbs: ['create'] }
  const scale = {
    name: `${plural}/scale`,
    singularName: '',
    namespaced,
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    verbs,
  }
  return [
    ...(isScalable(resource) ? [scale] : []),
    ...(hasStatus ? [status] : []),
    ...(plural === 'pods' ? [binding] : []),
  ]
}
