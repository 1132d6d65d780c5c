/** Owns what `kubectl get` shows: tables for pods, workloads, nodes and custom resources. */
import { condition, isDeleting, type KubeObject, type Node, type Pod } from './objects.ts'
import type { Column, Resource } from './resources.ts'
import { at } from './selectors.ts'

interface TableColumn {
  readonly name: string
  readonly type: string
  /** Above 0: only with `-o wide`. */
  readonly priority: number
  readonly cell: (object: KubeObject) => unknown
}

function column(name: string, cell: TableColumn['cell'], priority = 0): TableColumn {
  return { name, type: 'string', priority, cell }
}

const NAME = column('Name', ({ metadata }) => metadata.name)
const AGE = column('Age', ({ metadata }) => ageOf(metadata.creationTimestamp))

const COLUMNS: Readonly<Record<string, readonly TableColumn[]>> = {
  Pod: [
    column('Ready', object => `${condition(object as Pod, 'Ready')?.status === 'True' ? 1 : 0}/1`),
    column('Status', object => (isDeleting(object) ? 'Terminating' : at(object, 'status.phase'))),
    AGE,
    column('IP', object => at(object, 'status.podIP') ?? '<none>'),
    column('Node', object => at(object, 'spec.nodeName') ?? '<none>'),
  ],
  Node: [
    column('Status', object => {
      const ready = condition(object as Node, 'Ready')?.status === 'True' ? 'Ready' : 'NotReady'
      return at(object, 'spec.unschedulable') === true ? `${ready},SchedulingDisabled` : ready
    }),
    AGE,
    column('Internal-IP', object => (object as Node).status?.addresses?.[0]?.address ?? '<none>', 1),
  ],
  Event: [
    column('Type', object => at(object, 'type')),
    column('Reason', object => at(object, 'reason')),
    column('Object', object => `${at(object, 'involvedObject.kind')}/${at(object, 'involvedObject.name')}`),
    column('Message', object => at(object, 'message')),
  ],
  StatefulSet: [column('Ready', readiness), AGE],
  Deployment: [column('Ready', readiness), AGE],
  ReplicaSet: [column('Ready', readiness), AGE],
}

function readiness(object: KubeObject): string {
  return `${at(object, 'status.readyReplicas') ?? 0}/${at(object, 'spec.replicas') ?? 0}`
}

function columnsOf(resource: Resource): readonly TableColumn[] {
  const custom = resource.columns?.map(printed)
  return [NAME, ...(custom ?? COLUMNS[resource.kind] ?? [AGE])]
}

function printed({ name, type, jsonPath }: Column): TableColumn {
  const cell = (object: KubeObject) => {
    const value = at(object, jsonPath)
    return type === 'date' && typeof value === 'string' ? ageOf(value) : value
  }
  return { name, type: type === 'date' ? 'string' : type, priority: 0, cell }
}

export function tableOf(resource: Resource, objects: readonly KubeObject[], metadata: object): object {
  const columns = columnsOf(resource)
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map(({ name, type, priority }) => {
      return { name, type, priority, format: name === 'Name' ? 'name' : '', description: name }
    }),
    rows: objects.map(object => ({
      cells: columns.map(({ cell }) => cell(object) ?? null),
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  }
}

/** 42s, 5m, 3h: as short as kubectl's. */
function ageOf(since: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(since)) / 1_000))
  if (seconds < 120) return `${seconds}s`
  return seconds < 7_200 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3_600)}h`
}
