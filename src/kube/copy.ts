/** Owns what a list or a watch event changes in our copy of a collection, and what may be concluded from it. Waits for nothing. */
import { objectKey, type RawObject } from './raw.ts'

/** `before` and `after` of one key may differ in UID: then the object was deleted and made again in between. */
export type Change<T> =
  | { readonly kind: 'seen'; readonly key: string; readonly before: T | null; readonly after: T }
  /**
   * Evidence (R7): the server said DELETED, or showed another UID under the key that `pick` refuses; `last` is the object's last state, or
   * ours of the same UID if `pick` refuses that one.
   */
  | { readonly kind: 'deleted'; readonly key: string; readonly last: T }
  /** It no longer concerns us: `pick` or the selectors refuse it. No evidence of a deletion. */
  | { readonly kind: 'deselected'; readonly key: string; readonly before: T }
  /** Missing in a list. A suspicion and never evidence: ask with a quorum GET. */
  | { readonly kind: 'vanished'; readonly key: string; readonly before: T }

export interface CopyOptions<T> {
  /** Keeps the fields that we use, or null when the object does not concern us. Pure, and the same answer for the same object. */
  readonly pick: (raw: RawObject) => T | null
  /** Called after the copy itself has changed. */
  readonly onChange: (change: Change<T>) => void
  /** With a label or field selector the server says DELETED also of what merely no longer matches. */
  readonly selects: boolean
}

export interface Entry<T> {
  readonly key: string
  readonly uid: string
  readonly version: string
  readonly value: T
}

export interface Copy<T> {
  readonly entries: ReadonlyMap<string, Entry<T>>
  /** Of one listed object; null for what neither concerns us nor did before. */
  listed(raw: RawObject): Entry<T | null> | null
  /** All of them: what is not among them has vanished. */
  applyList(items: readonly Entry<T | null>[]): void
  applyEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED', raw: RawObject): void
}

export function copy<T>({ pick, onChange, selects }: CopyOptions<T>): Copy<T> {
  const entries = new Map<string, Entry<T>>()

  function entryOf(raw: RawObject): Entry<T | null> {
    return { key: objectKey(raw), uid: raw.metadata.uid, version: raw.metadata.resourceVersion, value: pick(raw) }
  }

  function see({ key, uid, version, value }: Entry<T | null>) {
    const before = entries.get(key)
    if (before?.uid === uid && before.version === version) return
    if (value === null) {
      if (before !== undefined) drop(before, before.uid === uid ? 'deselected' : 'deleted')
      return
    }
    entries.set(key, { key, uid, version, value })
    onChange({ kind: 'seen', key, before: before?.value ?? null, after: value })
  }

  function drop({ key, value }: Entry<T>, kind: 'deselected' | 'vanished' | 'deleted') {
    entries.delete(key)
    onChange(kind === 'deleted' ? { kind, key, last: value } : { kind, key, before: value })
  }

  function seeDeleted({ key, uid, value }: Entry<T | null>) {
    const before = entries.get(key)
    const ours = before?.uid === uid ? before : undefined
    if (selects) {
      if (ours !== undefined) drop(ours, 'deselected')
      return
    }
    if (ours !== undefined) entries.delete(key)
    const last = value ?? ours?.value
    if (last !== undefined) onChange({ kind: 'deleted', key, last })
  }

  return {
    entries,
    listed(raw) {
      const entry = entryOf(raw)
      return entry.value === null && !entries.has(entry.key) ? null : entry
    },
    applyList(items) {
      const missing = new Map(entries)
      for (const entry of items) {
        missing.delete(entry.key)
        see(entry)
      }
      for (const before of missing.values()) drop(before, 'vanished')
    },
    applyEvent(type, raw) {
      const entry = entryOf(raw)
      if (type === 'DELETED') seeDeleted(entry)
      else see(entry)
    },
  }
}
