/** Owns how deep a JSON value is nested: whoever walks through one that is deeper than the stack ends the process. */

/** The stack is no deeper than `levels` here. Millions of values are looked at in the time that it took to parse them. */
export function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels < 0) return true
  if (Array.isArray(value)) {
    for (const each of value) if (isNestedDeeper(each, levels - 1)) return true
    return false
  }
  for (const name in value) if (isNestedDeeper((value as Record<string, unknown>)[name], levels - 1)) return true
  return false
}
