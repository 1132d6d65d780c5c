/** Owns the events of the cluster's own parts: one object per pod and reason, counted up. */
import type { Api } from './api.ts'
import type { KubeObject } from './objects.ts'
import { EVENTS } from './resources.ts'

export interface Happening {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export function recordEvent(api: Api, { apiVersion, kind, metadata }: KubeObject, happening: Happening): void {
  const { namespace = 'default', name, uid, resourceVersion } = metadata
  const eventName = `${name}.${uid.slice(0, 8)}.${happening.reason.toLowerCase()}`
  const lastTimestamp = new Date().toISOString()
  const existing = api.find(EVENTS, namespace, eventName)
  if (existing !== undefined) {
    const count = Number(existing.count) + 1
    api.update(EVENTS, namespace, eventName, current => ({ ...current, ...happening, count, lastTimestamp }))
    return
  }
  api.create(EVENTS, namespace, {
    metadata: { name: eventName },
    ...happening,
    involvedObject: { apiVersion, kind, namespace, name, uid, resourceVersion },
    source: { component: 'default-scheduler' },
    ...{ firstTimestamp: lastTimestamp, lastTimestamp, count: 1 },
  })
}
