/** Owns the reading of JSON bodies, and the error that says what is wrong where. */
import type { JsonObject } from '../lib/field.ts'
import { isNestedDeeper } from '../lib/nesting.ts'
import { quoted } from '../lib/quoted.ts'

/** The request cannot be understood; `message` says what, where and what to send instead. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
}

/** Far more than any body of ours has. */
const DEPTH_MAX = 32

/** Before it is looked at: of lists in one another the text of what is wrong would be gigabytes, and the stack ends before. */
export function refuseDepth(body: unknown): void {
  if (isNestedDeeper(body, DEPTH_MAX)) throw new BadRequest(`the body is nested deeper than ${DEPTH_MAX} levels`)
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
  return value === undefined || value === null ? 'missing' : quoted(value)
}
