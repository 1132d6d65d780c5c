/** Owns how deep a JSON value is nested: whoever walks through one that is deeper than the stack ends the process. */

/** Level by level, so that no depth is too much. */
export function isNestedDeeper(value: unknown, levels: number): boolean {
  let level = [value].filter(isNest)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true
    level = level.flatMap(each => Object.values(each).filter(isNest))
  }
  return false
}

function isNest(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
