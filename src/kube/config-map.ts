/** Owns the reading of one key of a ConfigMap. */
import type { RawObject } from './raw.ts'
import { isNotFound, type Transport } from './transport.ts'

export interface ConfigMapKey {
  readonly namespace: string
  readonly name: string
  readonly key: string
}

/** The text under the key; null when the ConfigMap or the key is missing. */
export async function readConfigMap(
  transport: Transport,
  { namespace, name, key }: ConfigMapKey,
): Promise<string | null> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${encodeURIComponent(name)}`
  try {
    const { body } = await transport.request<RawObject & { data?: Readonly<Record<string, string>> | null }>({
      method: 'GET',
      path,
    })
    return body.data?.[key] ?? null
  } catch (error) {
    if (isNotFound(error, name)) return null
    throw error
  }
}
