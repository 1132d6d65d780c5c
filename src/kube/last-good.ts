/** Owns the ConfigMap that remembers the last valid configuration for a leader on another machine (R29). It is never made here: who wants it, applies it. */
import type { ConfigMapKey } from './config-map.ts'
import type { RawObject } from './raw.ts'
import { isNotFound, mergePatch, type Transport } from './transport.ts'

export interface RememberingObject {
  /** Where it is, for messages. */
  readonly where: string
  /** Null: there is no such object, or nothing in it. */
  read(): Promise<string | null>
  /** False: there is no such object. */
  write(text: string): Promise<boolean>
}

const TIMEOUT_MS = 5_000

/** Beside the ConfigMap of the configuration, under the same key. */
export function rememberingObject(
  transport: Transport,
  { namespace, name: source, key }: ConfigMapKey,
): RememberingObject {
  const name = `${source}-last-good`
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${encodeURIComponent(name)}`

  async function unlessMissing<T>(call: () => Promise<T>): Promise<T | null> {
    try {
      return await call()
    } catch (error) {
      if (isNotFound(error, name)) return null
      throw error
    }
  }

  return {
    where: `ConfigMap ${namespace}/${name}`,
    async read() {
      const get = { method: 'GET', path, timeoutMs: TIMEOUT_MS } as const
      type Map = RawObject & { readonly data?: Readonly<Record<string, string>> | null }
      const found = await unlessMissing(() => transport.request<Map>(get))
      return found?.body.data?.[key] ?? null
    },
    async write(text) {
      const body = { data: { [key]: text } }
      const patch = { method: 'PATCH', path, contentType: mergePatch, body, timeoutMs: TIMEOUT_MS } as const
      return (await unlessMissing(() => transport.request(patch))) !== null
    },
  }
}
