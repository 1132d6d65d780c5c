/** Owns what the command line asks of the configuration's reader. */
import type { Validate } from '../cli/config.ts'
import { readConfiguration } from '../domain/configuration.ts'

export const validateConfiguration: Validate = text => {
  const reading = readConfiguration(text)
  if (!reading.ok) return reading
  const { entries, warnings } = reading.configuration
  return { ok: true, entries: entries.length, addresses: entries.reduce((sum, { size }) => sum + size, 0), warnings }
}
