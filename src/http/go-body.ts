/** Owns the tolerance that scripts written for galaxy-ipam rely on: its bodies and parameters are read as Go reads them. */
import { KindGuard, type TObject, type TSchema } from '@sinclair/typebox'
import { field, type JsonObject } from '../lib/field.ts'
import { urlOf } from './url.ts'

/** For a route's `transform`: the body as its schema spells it, before it is looked at. */
export function asGoReads(schema: TSchema) {
  return (context: { body: unknown }): void => {
    context.body = spelled(context.body, schema)
  }
}

/** For a route's `transform`: of a parameter that is given twice the first counts, and one that the schema does not know is not there. */
export function firstOfEach({ properties }: TObject) {
  return (context: { query: unknown; request: Request }): void => {
    const given = [...urlOf(context.request).searchParams].reverse()
    context.query = Object.fromEntries(given.filter(([name]) => Object.hasOwn(properties, name)))
  }
}

/**
 * A key in any case is the field, null in a field that may be missing is a missing one and for a list an empty one, and what the schema
 * does not know is not there.
 */
function spelled(value: unknown, schema: TSchema): unknown {
  if (KindGuard.IsArray(schema) && value === null) return []
  if (KindGuard.IsArray(schema) && Array.isArray(value)) return value.map(each => spelled(each, schema.items))
  if (!KindGuard.IsObject(schema) || typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const given = value as JsonObject
  const known = Object.entries(schema.properties)
  const required = new Set(schema.required)
  const read = known.flatMap(([name, part]) => {
    const found = required.has(name) && given[name] === null ? null : field(given, name)
    return found === undefined ? [] : [[name, spelled(found, part)]]
  })
  return Object.fromEntries(read)
}
