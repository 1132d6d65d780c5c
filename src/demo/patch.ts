/** Owns the two kinds of patches that the miniature API server understands. */
import { unprocessable } from './failure.ts'

type Json = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 7386: null removes, objects merge, everything else replaces. Strategic merge patches are taken as if they were this. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}

interface Operation {
  readonly op?: unknown
  readonly path?: unknown
  readonly value?: unknown
}

/** RFC 6902, of which add, replace, remove and test on objects are enough here. */
export function jsonPatch(target: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) throw unprocessable('a JSON patch is a list of operations')
  return (operations as Operation[]).reduce(apply, target)
}

function apply(target: unknown, { op, path, value }: Operation): unknown {
  const parts = String(path)
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = parts.pop() ?? ''
  const copy = structuredClone(target)
  let at: unknown = copy
  for (const part of parts) at = isObject(at) ? at[part] : undefined
  if (!isObject(at)) throw unprocessable(`the server rejected our request: ${op} operation does not apply: ${path}`)
  const place = at as Record<string, unknown>
  switch (op) {
    case 'add':
    case 'replace':
      place[last] = value
      return copy
    case 'remove':
      delete place[last]
      return copy
    case 'test':
      if (Bun.deepEquals(place[last], value)) return copy
      throw unprocessable(`the server rejected our request: testing value ${path} failed`)
    default:
      throw unprocessable(`the miniature API server knows no operation ${op}`)
  }
}
