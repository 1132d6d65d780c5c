/** Owns galaxy-ipam's custom resource definitions, as a cluster has them on which it ran. */
import type { Definition } from '../../../src/kube/definition-upgrade.ts'

const GROUP = 'galaxy.k8s.io'
const text = { type: 'string' }

function definition(kind: string, plural: string, scope: string, more: object, required: string[], properties: object) {
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      required,
      properties: { apiVersion: text, kind: text, metadata: { type: 'object' }, ...properties },
    },
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${GROUP}`,
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/kubernetes/pull/78458' },
    },
    spec: {
      ...{ group: GROUP, scope },
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), ...more },
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema }],
    },
  }
}

/** Without columns, without a status; a Pool must say whether it is allocated ahead. */
export const GALAXYS_DEFINITIONS: readonly Definition[] = [
  definition('FloatingIP', 'floatingips', 'Cluster', { shortNames: ['fip'] }, ['spec'], {
    spec: {
      type: 'object',
      required: ['attribute', 'key', 'policy', 'updateTime'],
      properties: {
        attribute: text,
        key: text,
        policy: { type: 'integer' },
        updateTime: { ...text, format: 'date-time' },
      },
    },
  }),
  definition('Pool', 'pools', 'Namespaced', {}, ['preAllocateIP', 'size'], {
    preAllocateIP: { type: 'boolean' },
    size: { type: 'integer' },
  }),
]
