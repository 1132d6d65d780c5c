/** Owns which objects a list or a watch is about: label and field selectors. */

import { badRequest } from './failure.ts'
import type { KubeObject } from './objects.ts'

export type Selector = (object: KubeObject) => boolean

export function selectorOf(query: URLSearchParams, namespace: string | undefined): Selector {
  const labels = requirements(query.get('labelSelector')).map(labelRequirement)
  const fields = requirements(query.get('fieldSelector')).map(fieldRequirement)
  const all = [...labels, ...fields]
  return object =>
    (namespace === undefined || object.metadata.namespace === namespace) && all.every(holds => holds(object))
}

/** Splits at commas outside of parentheses. */
function requirements(text: string | null): string[] {
  return (text ?? '')
    .split(/,(?![^(]*\))/)
    .map(part => part.trim())
    .filter(part => part !== '')
}

function labelRequirement(text: string): Selector {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map(value => value.trim())
    return object => values.includes(labelOf(object, key) ?? '') === (operator === 'in')
  }
  const equality = /^([^=!]+)(==|=|!=)(.*)$/.exec(text)
  if (equality !== null) {
    const [, key = '', operator, value = ''] = equality
    return object => (labelOf(object, key.trim()) === value.trim()) === (operator !== '!=')
  }
  if (text.startsWith('!')) return object => labelOf(object, text.slice(1)) === undefined
  return object => labelOf(object, text) !== undefined
}

function labelOf({ metadata }: KubeObject, key: string): string | undefined {
  return metadata.labels?.[key]
}

function fieldRequirement(text: string): Selector {
  const found = /^([^=!]+)(==|=|!=)(.*)$/.exec(text)
  if (found === null) throw badRequest(`unable to parse field selector ${JSON.stringify(text)}`)
  const [, path = '', operator, value = ''] = found
  return object => (String(at(object, path) ?? '') === value) === (operator !== '!=')
}

/** The value under a path such as `spec.nodeName` (a leading dot is allowed, as in printer columns). */
export function at(object: unknown, path: string): unknown {
  const parts = path.split('.').filter(part => part !== '')
  return parts.reduce<unknown>((value, part) => (value as Record<string, unknown> | null | undefined)?.[part], object)
}
