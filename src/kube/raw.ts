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
