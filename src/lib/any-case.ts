/** Owns the look-up of a field as Go does it: by its name, else without regard to case. */
export function anyCase(object: Readonly<Record<string, unknown>>, name: string): unknown {
  if (object[name] !== undefined) return object[name]
  const wanted = name.toLowerCase()
  for (const key in object) if (key.toLowerCase() === wanted) return object[key]
  return undefined
}
