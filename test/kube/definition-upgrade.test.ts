/** Owns the table of what definitions that are there already gain, and what of them is left as it is. */
import { describe, expect, test } from 'bun:test'
import { CRDS } from '../../src/kube/crds.ts'
import { type Definition, REVISION_ANNOTATION, upgradeOf } from '../../src/kube/definition-upgrade.ts'
import { present } from '../../src/lib/assert.ts'
import { GALAXYS_DEFINITIONS } from '../e2e/harness/definitions.ts'

type Json = Record<string, unknown>
const named = (all: readonly Definition[], plural: string) =>
  structuredClone(
    present(
      all.find(each => each.spec.names.plural === plural),
      plural,
    ),
  )
const galaxys = (plural: string) => named(GALAXYS_DEFINITIONS, plural)
const ours = (plural: string) => named(CRDS, plural)

/** As the API server would store it. */
function applied(found: Definition, plural: string): Definition {
  const { patch } = present(upgradeOf(found, ours(plural)), 'an upgrade')
  const annotations = { ...found.metadata.annotations, ...(patch.metadata as { annotations: Json }).annotations }
  return {
    ...found,
    metadata: { ...found.metadata, annotations },
    spec: { ...found.spec, ...patch.spec },
  } as Definition
}

function edited(found: Definition, edit: (version: Json, all: Json) => void): Definition {
  edit(found.spec.versions[0] as unknown as Json, found as unknown as Json)
  return found
}

describe('galaxy-ipam’s own', () => {
  test('a Pool gains columns, status, and need not say preAllocateIP', () => {
    const found = galaxys('pools')
    expect(upgradeOf(found, ours('pools'))?.missing).toEqual([
      'kubectl get pools does not show Size, Allocated, In use, Age',
      'a Pool shows no status',
      'a Pool without preAllocateIP is rejected',
    ])
    const [version] = applied(found, 'pools').spec.versions
    const [wanted] = ours('pools').spec.versions
    expect(version).toMatchObject({ subresources: { status: {} } })
    expect(version?.additionalPrinterColumns).toEqual(present(wanted, 'ours').additionalPrinterColumns ?? [])
    expect(version?.schema?.openAPIV3Schema?.required).toEqual(['size'])
    expect(version?.schema?.openAPIV3Schema?.properties?.status).toEqual(
      present(wanted?.schema?.openAPIV3Schema?.properties?.status, 'ours'),
    )
  })

  test('a FloatingIP gains its columns and nothing else: its four fields stay required', () => {
    const found = galaxys('floatingips')
    expect(upgradeOf(found, ours('floatingips'))?.missing).toEqual([
      'kubectl get floatingips does not show Owner, Policy, Attribute, Age',
    ])
    const [before] = found.spec.versions
    const [after] = applied(found, 'floatingips').spec.versions
    expect(after?.schema).toEqual(present(before?.schema, 'schema'))
  })

  test.each(['pools', 'floatingips'])('%s: once is enough', plural => {
    expect(upgradeOf(applied(galaxys(plural), plural), ours(plural))).toBeNull()
    expect(upgradeOf(ours(plural), ours(plural))).toBeNull()
  })
})

describe('what others made of it', () => {
  test('other versions, their order, labels, annotations and conversion stay', () => {
    const found = galaxys('pools')
    const later = { name: 'v1beta1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }
    const more = {
      ...found,
      spec: { ...found.spec, conversion: { strategy: 'None' }, versions: [later, ...found.spec.versions] },
    }
    const after = applied(more as Definition, 'pools')
    expect(after.spec.versions.map(({ name }) => name)).toEqual(['v1beta1', 'v1alpha1'])
    expect(after.spec.versions[0]).toEqual(later)
    expect(after.spec).toMatchObject({ conversion: { strategy: 'None' } })
    expect(after.metadata.annotations).toMatchObject(found.metadata.annotations ?? {})
    const { patch } = present(upgradeOf(found, ours('pools')), 'an upgrade')
    expect(Object.keys(patch.spec)).toEqual(['versions'])
    expect(patch.metadata).toEqual({ annotations: { [REVISION_ANNOTATION]: '1' } })
  })

  const KEPT: readonly (readonly [string, (version: Json) => void, (version: Json) => unknown])[] = [
    [
      'a field of theirs, and that it is required',
      version => {
        const { openAPIV3Schema } = version.schema as { openAPIV3Schema: { properties: Json; required: string[] } }
        openAPIV3Schema.properties.team = { type: 'string' }
        openAPIV3Schema.required.push('team')
      },
      version => {
        const { openAPIV3Schema: schema } = version.schema as {
          openAPIV3Schema: { properties: Json; required: string[] }
        }
        return [schema.properties.team, schema.required]
      },
    ],
    [
      'columns of theirs, ours beside them',
      version => {
        version.additionalPrinterColumns = [{ name: 'size', type: 'integer', jsonPath: '.size' }]
      },
      version => (version.additionalPrinterColumns as { name: string }[]).map(({ name }) => name),
    ],
    [
      'another sub-resource',
      version => {
        version.subresources = { scale: { specReplicasPath: '.size' } }
      },
      version => version.subresources,
    ],
    [
      'a field of ours with another type',
      version => {
        const { openAPIV3Schema } = version.schema as { openAPIV3Schema: { properties: Json } }
        openAPIV3Schema.properties.preAllocateIP = { type: 'string' }
      },
      version => (version.schema as { openAPIV3Schema: { properties: Json } }).openAPIV3Schema.properties.preAllocateIP,
    ],
  ]
  const EXPECTED: readonly unknown[] = [
    [{ type: 'string' }, ['size', 'team']],
    ['size', 'Allocated', 'In use', 'Age'],
    { scale: { specReplicasPath: '.size' }, status: {} },
    { type: 'string' },
  ]
  test.each(KEPT.map((row, at) => [...row, EXPECTED[at]] as const))('%s stays', (_, edit, of, expected) => {
    const after = applied(edited(galaxys('pools'), edit), 'pools')
    expect(of(after.spec.versions[0] as unknown as Json)).toEqual(expected)
  })

  test('an older floatip’s gains the fields that are new in its status', () => {
    const older = edited(ours('pools'), version => {
      const { openAPIV3Schema } = version.schema as {
        openAPIV3Schema: { properties: { status: { properties: Json } } }
      }
      delete openAPIV3Schema.properties.status.properties.observedGeneration
    })
    expect(upgradeOf(older, ours('pools'))?.missing).toEqual(['a Pool does not keep status.observedGeneration'])
    expect(applied(older, 'pools').spec.versions).toEqual([...ours('pools').spec.versions])
  })

  test.each([
    [
      'a newer floatip’s',
      (all: Json) => Object.assign(all, { metadata: { name: 'x', annotations: { [REVISION_ANNOTATION]: '2' } } }),
    ],
    [
      'one without our version',
      (all: Json) => Object.assign(all, { spec: { ...(all.spec as Json), versions: [{ name: 'v9' }] } }),
    ],
  ])('%s is left alone', (_, change) => {
    expect(
      upgradeOf(
        edited(galaxys('pools'), (__, all) => void change(all)),
        ours('pools'),
      ),
    ).toBeNull()
  })
})
