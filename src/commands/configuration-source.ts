/** Owns where the configuration comes from: the config file, or a ConfigMap that is followed. */
import type { ConfigurationInForce } from '../app/configuration.ts'
import { type ConfigMapParts, followConfigMap } from '../kube/config-map.ts'
import type { Mirror } from '../kube/mirror.ts'
import type { ServeOptions } from './options.ts'

export function configMapName({ file }: ServeOptions): string {
  return `${file.configMapNamespace}/${file.configMapName}, key ${file.floatingipKey}`
}

/** From the config file once, or from the ConfigMap for as long as we run. */
export function followConfiguration(
  { file }: ServeOptions,
  configuration: ConfigurationInForce,
  parts: Omit<ConfigMapParts, 'onText'>,
): Mirror<unknown> | null {
  if (file.floatingips !== undefined) {
    configuration.apply(JSON.stringify(file.floatingips))
    return null
  }
  const at = { namespace: file.configMapNamespace, name: file.configMapName, key: file.floatingipKey }
  const following = followConfigMap(at, { ...parts, onText: text => configuration.apply(text) })
  following.start()
  return following
}
