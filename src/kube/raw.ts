/** Owns what every Kubernetes object has, as it comes from JSON.parse: nothing beyond `metadata` is promised. */

export interface RawMetadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
}

export interface RawObject {
  readonly metadata: RawMetadata
}

/** `namespace/name`, or `name` for what has no namespace. */
export function objectKey(raw: RawObject): string {
  const { namespace, name } = raw.metadata
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

/** Facts read earlier, by key: a mirror. */
export interface Known<T> {
  get(key: string): T | undefined
}

/** The same object at the same version says the same: its facts are not read, and not held, twice. */
export function knownOr<T extends Pick<RawMetadata, 'uid' | 'resourceVersion'>>(
  known: Known<T>,
  raw: RawObject,
  read: (raw: RawObject) => T | null,
): T | null {
  const fact = known.get(objectKey(raw))
  const { uid, resourceVersion } = raw.metadata
  return fact?.uid === uid && fact.resourceVersion === resourceVersion ? fact : read(raw)
}
