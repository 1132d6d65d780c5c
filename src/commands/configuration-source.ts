/** Owns where the configuration comes from: the config file, or a ConfigMap that is followed. */
import type { ConfigurationInForce, ConfigurationParts } from '../app/configuration.ts'
import { type LastGood, type LastGoodParts, lastGoodOf } from '../app/last-good.ts'
import { type ConfigMapKey, type ConfigMapParts, followConfigMap } from '../kube/config-map.ts'
import type { Events } from '../kube/events.ts'
import { rememberingObject } from '../kube/last-good.ts'
import type { Mirror } from '../kube/mirror.ts'
import type { ConfigFile } from './config-file.ts'
import type { ServeOptions } from './options.ts'

/** What people hear of it beside the log: Events on the ConfigMap, which there are not where the config file has it. */
export function configurationTold(
  { file }: ServeOptions,
  events: Events,
  countRejected: () => void,
): Pick<ConfigurationParts, 'where' | 'onRejected' | 'onWarning'> {
  const { floatingips, configMapNamespace: namespace, configMapName: name, floatingipKey: key } = file
  if (floatingips !== undefined) return { where: 'the config file', onRejected: countRejected, onWarning() {} }
  const map = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name }
  return {
    where: `ConfigMap ${namespace}/${name}, key ${key}`,
    onRejected(because) {
      countRejected()
      events.warn(map, 'InvalidConfiguration', because)
    },
    onWarning: warning => events.warn(map, 'ConfigurationWarning', warning),
  }
}

export function lastGoodOn(
  { file }: ServeOptions,
  { transport, ...parts }: Omit<LastGoodParts, 'object'> & Pick<ConfigMapParts, 'transport'>,
): LastGood {
  return lastGoodOf({
    ...parts,
    object: file.floatingips === undefined ? rememberingObject(transport, keyOf(file)) : null,
  })
}

function keyOf({ configMapNamespace: namespace, configMapName: name, floatingipKey: key }: ConfigFile): ConfigMapKey {
  return { namespace, name, key }
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
  const following = followConfigMap(keyOf(file), { ...parts, onText: text => configuration.apply(text) })
  following.start()
  return following
}
