/** Owns the ConfigMap that holds the configuration, followed from the first list on. */
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { type Mirror, mirror } from './mirror.ts'
import type { RawObject } from './raw.ts'
import type { Transport } from './transport.ts'

export interface ConfigMapKey {
  readonly namespace: string
  readonly name: string
  readonly key: string
}

export interface ConfigMapParts {
  readonly transport: Transport
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly onFailure: (thrown: unknown) => void
  /** The text under the key; null: the ConfigMap or the key is missing. */
  readonly onText: (text: string | null) => void
}

/** Tells the text once it is known, and each change within moments. A missing ConfigMap is told by the first list too. */
export function followConfigMap({ namespace, name, key }: ConfigMapKey, parts: ConfigMapParts): Mirror<unknown> {
  const { onText, ...rest } = parts
  const following = mirror<{ text: string | null }>({
    ...rest,
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`,
    fieldSelector: `metadata.name=${name}`,
    pick: raw =>
      raw.metadata.name === name
        ? { text: (raw as RawObject & { data?: Record<string, string> | null }).data?.[key] ?? null }
        : null,
    onChange: change => onText(change.kind === 'seen' ? change.after.text : null),
  })
  void following.synced.then(() => {
    if (following.size === 0) onText(null)
  })
  return following
}
