/** Owns the custom resource definitions, compatible with the objects that galaxy-ipam stored. */
import { type Definition, REVISION_ANNOTATION } from './definition-upgrade.ts'

const GROUP = 'galaxy.k8s.io'
/** Groups under k8s.io are protected: a definition must say that it is not an approved one. Its revision goes up when ours gains something. */
const ANNOTATIONS = {
  'api-approved.kubernetes.io': 'unapproved, defined by galaxy-ipam and served by floatip',
  [REVISION_ANNOTATION]: '1',
}

const text = { type: 'string' } as const

function column(name: string, jsonPath: string, type = 'string') {
  return { name, jsonPath, type }
}

const age = column('Age', '.metadata.creationTimestamp', 'date')

const floatingIps = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `floatingips.${GROUP}`, annotations: ANNOTATIONS },
  spec: {
    group: GROUP,
    scope: 'Cluster',
    names: {
      kind: 'FloatingIP',
      listKind: 'FloatingIPList',
      plural: 'floatingips',
      singular: 'floatingip',
      shortNames: ['fip'],
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        additionalPrinterColumns: [
          column('Owner', '.spec.key'),
          column('Policy', '.spec.policy', 'integer'),
          column('Attribute', '.spec.attribute'),
          age,
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              apiVersion: text,
              kind: text,
              metadata: { type: 'object' },
              spec: {
                type: 'object',
                required: ['key', 'policy', 'attribute', 'updateTime'],
                properties: {
                  key: text,
                  policy: { type: 'integer' },
                  attribute: text,
                  updateTime: { type: 'string', format: 'date-time' },
                },
              },
            },
          },
        },
      },
    ],
  },
}

const pools = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `pools.${GROUP}`, annotations: ANNOTATIONS },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { kind: 'Pool', listKind: 'PoolList', plural: 'pools', singular: 'pool' },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          column('Size', '.size', 'integer'),
          column('Allocated', '.status.allocated', 'integer'),
          column('In use', '.status.inUse', 'integer'),
          age,
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['size'],
            properties: {
              apiVersion: text,
              kind: text,
              metadata: { type: 'object' },
              size: { type: 'integer', minimum: 0 },
              preAllocateIP: { type: 'boolean' },
              status: {
                type: 'object',
                properties: {
                  observedGeneration: { type: 'integer' },
                  size: { type: 'integer' },
                  allocated: { type: 'integer' },
                  inUse: { type: 'integer' },
                  conditions: {
                    type: 'array',
                    items: {
                      type: 'object',
                      required: ['type', 'status'],
                      properties: { type: text, status: text, reason: text, message: text },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
}

export const CRDS: readonly Definition[] = [floatingIps, pools]
