/** Owns what we keep of a custom resource definition, and what it tells of where a workload says its replicas. */
import { UNLOOKED, type Workload } from '../domain/demand.ts'
import { STATEFUL_SET } from '../domain/owner.ts'
import { groupOf } from '../domain/workload.ts'
import type { RawObject } from './raw.ts'

export const DEFINITIONS_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

export interface Definition {
  readonly uid: string
  readonly group: string
  /** In lower case, as owner keys have it. */
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly versions: readonly Version[]
}

interface Version {
  readonly name: string
  readonly served: boolean
  readonly replicasPath: string | null
}

interface RawDefinition extends RawObject {
  readonly spec?: {
    readonly group?: string
    readonly scope?: string
    readonly names?: { readonly kind?: string; readonly plural?: string }
    readonly versions?: readonly {
      readonly name: string
      readonly served?: boolean
      readonly subresources?: { readonly scale?: { readonly specReplicasPath?: string } | null } | null
    }[]
  }
}

export function definitionOf(raw: RawObject): Definition | null {
  const { metadata, spec } = raw as RawDefinition
  const { group, names, versions } = spec ?? {}
  if (group === undefined || names?.kind === undefined || names.plural === undefined) return null
  return {
    uid: metadata.uid,
    group,
    kind: names.kind.toLowerCase(),
    plural: names.plural,
    namespaced: spec?.scope !== 'Cluster',
    versions: (versions ?? []).map(({ name, served, subresources }) => ({
      name,
      served: served !== false,
      replicasPath: subresources?.scale?.specReplicasPath || null,
    })),
  }
}

/** One version of one kind, and where its objects say how many pods they want. */
export interface Scale {
  readonly definition: Definition
  readonly version: string
  readonly replicasPath: string
}

/**
 * Where an owner of this kind and apiVersion says its replicas; else what is to be said of every such workload. Without an apiVersion
 * (galaxy's objects) only if there is no doubt which kind is meant.
 */
export function scaleOf(definitions: Iterable<Definition>, ownerKind: string, apiVersion: string): Scale | Workload {
  const kind = ownerKind === STATEFUL_SET ? 'statefulset' : ownerKind
  const group = groupOf(apiVersion)
  const named = [...definitions].filter(each => each.kind === kind && (group === null || each.group === group))
  const definition = named.length === 1 ? named[0] : undefined
  if (definition === undefined) {
    if (group === null) return UNLOOKED
    return unscaled(`no custom resource definition of group ${group || 'core'} has the kind ${kind}`)
  }
  const resource = `${definition.plural}.${definition.group}`
  const version = apiVersion === '' ? definition.versions.find(each => each.served)?.name : apiVersion.split('/').at(-1)
  const used = definition.versions.find(each => each.name === version)
  if (!used?.served) return unscaled(`${resource} does not serve the version ${version ?? ''}`)
  if (used.replicasPath === null)
    return unscaled(`${resource} ${used.name} defines no subresources.scale.specReplicasPath`)
  return { definition, version: used.name, replicasPath: used.replicasPath }
}

export function isScale(found: Scale | Workload): found is Scale {
  return 'definition' in found
}

export function collectionPath({ definition: { group, plural }, version }: Scale): string {
  return `/apis/${group}/${version}/${plural}`
}

export function objectPath(
  { definition: { group, plural, namespaced }, version }: Scale,
  namespace: string,
  name: string,
) {
  const within = namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `/apis/${group}/${version}${within}/${plural}/${encodeURIComponent(name)}`
}

export function unscaled(because: string): Workload {
  return { state: 'unscaled', because }
}

/** The whole number at a path such as `.spec.replicas`; null for nothing there or something else, which tells nothing. */
export function replicasAt(object: unknown, path: string): number | null {
  let value = object
  for (const key of path.split('.').filter(part => part !== '')) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
  }
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null
}

export function sizeOf(replicas: number | null): Workload {
  return replicas === null ? UNLOOKED : { state: 'present', replicas, firstOrdinal: 0 }
}
