/** Owns the config file of `floatip serve`: galaxy-ipam's, read as far as it concerns us; each problem names file and field. */
import { readFileSync } from 'node:fs'
import { UsageFault } from '../lib/exit.ts'
import { messageOf } from '../lib/fault.ts'
import { field, type JsonObject } from '../lib/field.ts'

/** `schedule_plugin` of the config file. */
export interface ConfigFile {
  /** Entries in the file itself; undefined: they are in the ConfigMap. */
  readonly floatingips: unknown
  readonly configMapName: string
  readonly configMapNamespace: string
  readonly floatingipKey: string
  /** `host:port` of the address provider; null: there is none. */
  readonly cloudProvider: string | null
  /** How often ledger, objects and pods are compared, in minutes. */
  readonly resyncMinutes: number
}

/** `mustExist`: somebody named it. Throws a UsageFault. */
export function readConfigFile(path: string, mustExist: boolean): ConfigFile {
  const plugin = readPlugin(path, mustExist)
  const floatingips = field(plugin, 'floatingips')
  const text = (name: string, otherwise: string) => {
    const value = field(plugin, name)
    if (value === undefined || value === null || value === '') return otherwise
    if (typeof value === 'string') return value
    throw new UsageFault(`${path}: schedule_plugin.${name} must be a text`)
  }
  const cloudProvider = text('cloudProviderGrpcAddr', '')
  if (cloudProvider !== '' && !/^(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]+):\d{1,5}$/.test(cloudProvider)) {
    throw new UsageFault(
      `${path}: schedule_plugin.cloudProviderGrpcAddr must be host:port, not ${JSON.stringify(cloudProvider)}`,
    )
  }
  return {
    // An empty list in the file means the ConfigMap, as galaxy-ipam has it.
    floatingips: isEmpty(floatingips) ? undefined : floatingips,
    configMapName: text('configMapName', 'floatingip-config'),
    configMapNamespace: text('configMapNamespace', 'kube-system'),
    floatingipKey: text('floatingipKey', 'floatingips'),
    cloudProvider: cloudProvider === '' ? null : cloudProvider,
    resyncMinutes: minutes(path, field(plugin, 'resyncInterval')),
  }
}

function minutes(path: string, value: unknown): number {
  if (value === undefined || value === null || value === 0) return RESYNC_MINUTES
  if (typeof value === 'number' && value > 0) return Math.min(value, RESYNC_MINUTES_MAX)
  throw new UsageFault(`${path}: schedule_plugin.resyncInterval must be a number of minutes above 0`)
}

const RESYNC_MINUTES = 1
/** A week. Timers of more than 2^31 ms (24 days) fire at once. */
const RESYNC_MINUTES_MAX = 7 * 24 * 60

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}

function readPlugin(path: string, mustExist: boolean): JsonObject {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    if (!mustExist) return {}
    throw new UsageFault(`--config ${path} cannot be read: ${messageOf(error)}`, error)
  }
  const file = asObject(parsed(path, content))
  if (file === null) throw new UsageFault(`--config ${path} must be a JSON object with schedule_plugin`)
  const fields = asObject(field(file, 'schedule_plugin') ?? {})
  if (fields === null) throw new UsageFault(`--config ${path}: schedule_plugin must be an object`)
  return fields
}

function parsed(path: string, content: string): unknown {
  try {
    return JSON.parse(content)
  } catch (error) {
    throw new UsageFault(`--config ${path} is not JSON: ${messageOf(error)}`, error)
  }
}

function asObject(value: unknown): JsonObject | null {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as JsonObject) : null
}
