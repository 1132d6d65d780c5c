/** Owns what a custom resource definition that is there already lacks of ours: columns, status, optional fields; nothing of it is taken away. */

/** A number: a definition with a higher one was written by a newer floatip, and is left alone. */
export const REVISION_ANNOTATION = 'floatip.galaxy.k8s.io/definition-revision'

/** The parts of a definition that concern us; others go along untouched. */
export interface Definition {
  readonly metadata: {
    readonly name: string
    readonly resourceVersion?: string
    readonly annotations?: Readonly<Record<string, string>> | null
  }
  readonly spec: {
    readonly names: { readonly kind: string; readonly plural: string }
    readonly versions: readonly Version[]
  }
}

export interface Version {
  readonly name: string
  readonly subresources?: { readonly status?: object } | null
  readonly additionalPrinterColumns?: readonly Column[] | null
  readonly schema?: { readonly openAPIV3Schema?: Schema } | null
}

interface Column {
  readonly name: string
  readonly jsonPath: string
  readonly type?: string
}

interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
}

export interface Upgrade {
  /** What people miss as long as it is not done. */
  readonly missing: readonly string[]
  /** A merge patch; without a version, for a person to apply too. */
  readonly patch: { readonly metadata: object; readonly spec: { readonly versions: readonly Version[] } }
}

/** Null: it lacks nothing, is newer than ours, or has no version of ours. */
export function upgradeOf(found: Definition, ours: Definition): Upgrade | null {
  const [wanted] = ours.spec.versions
  const version = found.spec.versions.find(({ name }) => name === wanted?.name)
  if (wanted === undefined || version === undefined || revisionOf(found) > revisionOf(ours)) return null
  const { kind, plural } = ours.spec.names
  const missing: string[] = []

  const columns = missingColumns(version, wanted)
  if (columns.length > 0)
    missing.push(`kubectl get ${plural} does not show ${columns.map(each => each.name).join(', ')}`)
  const status = wanted.subresources?.status !== undefined && version.subresources?.status === undefined
  if (status) missing.push(`a ${kind} shows no status`)
  const { merged, added, freed } = mergeSchema(version.schema?.openAPIV3Schema, wanted.schema?.openAPIV3Schema ?? {})
  // Without the sub-resource nothing of the status is shown: that is said already.
  const fields = added.filter(path => !(status && path.startsWith('status')))
  if (fields.length > 0) missing.push(`a ${kind} does not keep ${fields.join(', ')}`)
  if (freed.length > 0) missing.push(`a ${kind} without ${freed.join(', ')} is rejected`)
  if (missing.length === 0) return null

  const mended: Version = {
    ...version,
    ...(status && { subresources: { ...version.subresources, status: {} } }),
    ...(columns.length > 0 && { additionalPrinterColumns: [...(version.additionalPrinterColumns ?? []), ...columns] }),
    schema: { ...version.schema, openAPIV3Schema: merged },
  }
  const versions = found.spec.versions.map(each => (each === version ? mended : each))
  const annotations = { [REVISION_ANNOTATION]: ours.metadata.annotations?.[REVISION_ANNOTATION] ?? '' }
  return { missing, patch: { metadata: { annotations }, spec: { versions } } }
}

function revisionOf({ metadata }: Definition): number {
  return Number(metadata.annotations?.[REVISION_ANNOTATION]) || 0
}

/** Columns that are there under another name, or of another path under this one, are somebody's choice. */
function missingColumns({ additionalPrinterColumns }: Version, wanted: Version): readonly Column[] {
  const there = additionalPrinterColumns ?? []
  const known = new Set(there.flatMap(({ name, jsonPath }) => [name.toLowerCase(), jsonPath]))
  return (wanted.additionalPrinterColumns ?? []).filter(
    ({ name, jsonPath }) => !known.has(name.toLowerCase()) && !known.has(jsonPath),
  )
}

interface Merged {
  readonly merged: Schema
  /** Paths of fields that it did not have. */
  readonly added: readonly string[]
  /** Paths of fields that were required. */
  readonly freed: readonly string[]
}

/** Only ever wider: fields are added, and those of ours that may be left out need not be given. What else it asks for stays asked for. */
function mergeSchema(theirs: Schema | undefined, ours: Schema, at = ''): Merged {
  if (theirs === undefined) return { merged: ours, added: [at], freed: [] }
  if (theirs.type !== ours.type) return { merged: theirs, added: [], freed: [] }
  const added: string[] = []
  const properties: Record<string, Schema> = { ...theirs.properties }
  const wanted = ours.properties ?? {}
  const freed = (theirs.required ?? []).filter(name => name in wanted && !(ours.required ?? []).includes(name))
  const deeper: string[] = freed.map(name => pathOf(at, name))
  for (const [name, schema] of Object.entries(wanted)) {
    const inner = mergeSchema(properties[name], schema, pathOf(at, name))
    properties[name] = inner.merged
    added.push(...inner.added)
    deeper.push(...inner.freed)
  }
  const items = ours.items === undefined ? null : mergeSchema(theirs.items, ours.items, `${at}[]`)
  const required = (theirs.required ?? []).filter(name => !freed.includes(name))
  const { required: _, ...rest } = theirs
  return {
    merged: {
      ...rest,
      ...(Object.keys(properties).length > 0 && { properties }),
      ...(required.length > 0 && { required }),
      ...(items !== null && { items: items.merged }),
    },
    added: [...added, ...(items?.added ?? [])],
    freed: [...deeper, ...(items?.freed ?? [])],
  }
}

function pathOf(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`
}
