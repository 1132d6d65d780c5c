/** Owns the look-up of custom workloads: any kind whose definition has a scale sub-resource. */
import { GONE, UNLOOKED, type Workload } from '../domain/demand.ts'
import type { Owner } from '../domain/owner.ts'
import { messageOf } from '../lib/fault.ts'
import { listAll } from './list.ts'
import type { RawObject } from './raw.ts'
import { ApiError, isNotFound, type Transport } from './transport.ts'

const CRDS_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
/** A definition changes with a release of its operator; each bind of a burst asks for it. */
const KNOWN_FOR_MS = 10_000

/** What we keep of a definition. */
interface Definition {
  readonly group: string
  /** In lower case, as owner keys have it. */
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly versions: readonly { readonly name: string; readonly replicasPath: string | null }[]
}

interface RawDefinition extends RawObject {
  readonly spec?: {
    readonly group?: string
    readonly scope?: string
    readonly names?: { readonly kind?: string; readonly plural?: string }
    readonly versions?: readonly {
      readonly name: string
      readonly subresources?: { readonly scale?: { readonly specReplicasPath?: string } | null } | null
    }[]
  }
}

function definitionOf(raw: RawObject): Definition | null {
  const { spec } = raw as RawDefinition
  const { group, names, versions } = spec ?? {}
  if (group === undefined || names?.kind === undefined || names.plural === undefined) return null
  return {
    group,
    kind: names.kind.toLowerCase(),
    plural: names.plural,
    namespaced: spec?.scope !== 'Cluster',
    versions: (versions ?? []).map(({ name, subresources }) => ({
      name,
      replicasPath: subresources?.scale?.specReplicasPath ?? null,
    })),
  }
}

/** `group/version`, `version` alone for the core group; nothing of an apiVersion that nobody told. */
function partsOf(apiVersion: string): readonly [string | undefined, string | undefined] {
  if (apiVersion === '') return [undefined, undefined]
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)]
}

/** Reads the workload that the owner reference names, by group, version and kind; replicas at the path that its version defines. */
export function customWorkloadsOn(transport: Transport, monotonicMs: () => number) {
  let known: { readonly at: number; readonly definitions: Promise<readonly Definition[]> } | null = null

  function definitions(): Promise<readonly Definition[]> {
    if (known !== null && monotonicMs() - known.at < KNOWN_FOR_MS) return known.definitions
    const listing = listAll(transport, CRDS_PATH, { quorum: true, pick: definitionOf }).then(({ items }) => items)
    known = { at: monotonicMs(), definitions: listing }
    listing.catch(() => {
      known = null
    })
    return listing
  }

  return async ({ kind, namespace, workload: name }: Owner, apiVersion: string): Promise<Workload> => {
    try {
      const [group, version] = partsOf(apiVersion)
      const named = (await definitions()).filter(
        each => each.kind === kind && (group === undefined || each.group === group),
      )
      // galaxy's objects tell no group: act only if there is no doubt which kind is meant.
      const definition = named.length === 1 ? named[0] : undefined
      if (definition === undefined) {
        return group === undefined
          ? UNLOOKED
          : unscaled(`no custom resource definition of group ${group || 'core'} has the kind ${kind}`)
      }
      const used = definition.versions.find(each => each.name === (version ?? definition.versions[0]?.name))
      if (!used?.replicasPath) {
        return unscaled(
          `${definition.plural}.${definition.group} ${version ?? ''} defines no subresources.scale.specReplicasPath`,
        )
      }
      return replicasAt(await read(definition, used.name, namespace, name), used.replicasPath)
    } catch (error) {
      if (isNotFound(error, name)) return GONE
      if (error instanceof ApiError && error.status === 403)
        return unscaled(`floatip may not read it: ${messageOf(error)}`)
      throw error
    }
  }

  async function read(
    { group, plural, namespaced }: Definition,
    version: string,
    namespace: string,
    name: string,
  ): Promise<unknown> {
    const within = namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : ''
    const path = `/apis/${group}/${version}${within}/${plural}/${encodeURIComponent(name)}`
    return (await transport.request({ method: 'GET', path })).body
  }
}

function unscaled(because: string): Workload {
  return { state: 'unscaled', because }
}

/** The whole number at a path such as `.spec.replicas`; nothing there, or something else, tells nothing. */
function replicasAt(object: unknown, path: string): Workload {
  let value = object
  for (const key of path.split('.').filter(part => part !== '')) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
  }
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
    ? { state: 'present', replicas: value, firstOrdinal: 0 }
    : UNLOOKED
}
