/** Owns the reading of JSON bodies, and the error that says what is wrong where. */
import type { JsonObject } from '../lib/field.ts'

/** The request cannot be understood; `message` says what, where and what to send instead. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
}

/** Far more than any body of ours has. */
const DEPTH_MAX = 32

/** Before it is looked at: of lists in one another the text of what is wrong would be gigabytes, and the stack ends before. */
export function refuseDepth(body: unknown): void {
  let level = [body].filter(isNest)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEPTH_MAX) throw new BadRequest(`the body is nested deeper than ${DEPTH_MAX} levels`)
    level = level.flatMap(each => Object.values(each).filter(isNest))
  }
}

function isNest(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

export function parseObject(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new BadRequest(`the body is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  return asObject(value, 'the body')
}

export function asObject(value: unknown, where: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw new BadRequest(`${where} must be a JSON object, not ${kindOf(value)}`)
}

export function asList(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new BadRequest(`${where} must be a list, not ${kindOf(value)}`)
}

export function asText(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new BadRequest(`${where} must be a text that is not empty, not ${kindOf(value)}`)
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'missing'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : JSON.stringify(value)
}
