/** Owns which resources are served: the built-in ones, and those of custom resource definitions as they come. */
import type { KubeObject } from './objects.ts'

export interface Column {
  readonly name: string
  readonly type: string
  readonly jsonPath: string
}

export interface Resource {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly singular: string
  readonly kind: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  /** Its status is written through a path of its own. */
  readonly hasStatus: boolean
  /** What `kubectl get` shows besides the name, for custom resources. */
  readonly columns?: readonly Column[]
}

interface Options {
  readonly short?: readonly string[]
  readonly cluster?: boolean
  readonly status?: boolean
}

function builtIn(group: string, kind: string, plural: string, options: Options = {}): Resource {
  return {
    ...{ group, version: 'v1', kind, plural, singular: kind.toLowerCase() },
    ...{ namespaced: options.cluster !== true, shortNames: options.short ?? [], hasStatus: options.status === true },
  }
}

export const PODS = builtIn('', 'Pod', 'pods', { short: ['po'], status: true })
export const NODES = builtIn('', 'Node', 'nodes', { short: ['no'], cluster: true, status: true })
export const NAMESPACES = builtIn('', 'Namespace', 'namespaces', { short: ['ns'], cluster: true })
export const EVENTS = builtIn('', 'Event', 'events', { short: ['ev'] })
export const CONFIG_MAPS = builtIn('', 'ConfigMap', 'configmaps', { short: ['cm'] })
export const STATEFUL_SETS = builtIn('apps', 'StatefulSet', 'statefulsets', { short: ['sts'], status: true })
export const DEPLOYMENTS = builtIn('apps', 'Deployment', 'deployments', { short: ['deploy'], status: true })
export const REPLICA_SETS = builtIn('apps', 'ReplicaSet', 'replicasets', { short: ['rs'], status: true })
const ENDPOINTS = builtIn('', 'Endpoints', 'endpoints', { short: ['ep'] })
export const CRDS = builtIn('apiextensions.k8s.io', 'CustomResourceDefinition', 'customresourcedefinitions', {
  ...{ short: ['crd'], cluster: true, status: true },
})

const BUILT_IN: readonly Resource[] = [
  ...[PODS, NODES, NAMESPACES, EVENTS, CONFIG_MAPS, ENDPOINTS, STATEFUL_SETS, DEPLOYMENTS, REPLICA_SETS, CRDS],
  builtIn('coordination.k8s.io', 'Lease', 'leases'),
  builtIn('scheduling.k8s.io', 'PriorityClass', 'priorityclasses', { short: ['pc'], cluster: true }),
]

/** Under which an object's collection is stored. */
export function resourceId({ group, plural }: Pick<Resource, 'group' | 'plural'>): string {
  return `${group}/${plural}`
}

export function groupVersion({ group, version }: Pick<Resource, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`
}

export interface Resources {
  all(): readonly Resource[]
  find(group: string, version: string, plural: string): Resource | undefined
  define(crd: KubeObject): void
  undefine(crd: KubeObject): void
}

interface CrdSpec {
  readonly group: string
  readonly scope: string
  readonly names: { kind: string; plural: string; singular?: string; shortNames?: string[] }
  readonly versions: {
    name: string
    served?: boolean
    subresources?: { status?: object }
    additionalPrinterColumns?: Column[]
  }[]
}

export function resourcesOf(): Resources {
  const custom = new Map<string, readonly Resource[]>()
  const all = () => [...BUILT_IN, ...[...custom.values()].flat()]
  return {
    all,
    find: (group, version, plural) =>
      all().find(each => each.group === group && each.version === version && each.plural === plural),
    define(crd) {
      const { group, scope, names, versions } = crd.spec as CrdSpec
      const served = versions.filter(version => version.served !== false)
      const resources = served.map(version => ({
        ...{ group, version: version.name, kind: names.kind, plural: names.plural },
        ...{ singular: names.singular ?? names.kind.toLowerCase(), shortNames: names.shortNames ?? [] },
        ...{ namespaced: scope === 'Namespaced', hasStatus: version.subresources?.status !== undefined },
        columns: version.additionalPrinterColumns ?? [],
      }))
      custom.set(crd.metadata.name, resources)
    },
    undefine: crd => void custom.delete(crd.metadata.name),
  }
}
