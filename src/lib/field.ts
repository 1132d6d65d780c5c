/** Owns the reading of JSON whose keys come in any case: galaxy-ipam, in Go, reads every body and file so. */

export type JsonObject = Readonly<Record<string, unknown>>

/** The field of this name, spelled so or else in any case (schedulers before 1.18 write camelCase); null counts as absent. */
export function field(object: JsonObject, name: string): unknown {
  if (object[name] !== undefined) return object[name] ?? undefined
  const wanted = name.toLowerCase()
  for (const key in object) if (key.toLowerCase() === wanted) return object[key] ?? undefined
  return undefined
}
