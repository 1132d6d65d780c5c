/** Owns the API's description: what @elysiajs/swagger makes of the routes' schemas, put right where it is not what we serve. */
import { swagger } from '@elysiajs/swagger'
import { type AnyElysia, Elysia } from 'elysia'
import { TAGS } from './answers.ts'

/** A JSON Schema as it comes out; only what is changed here is named. */
export interface Schema {
  type?: string
  description?: string
  example?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  contentMediaType?: string
}

export interface Media {
  readonly schema: Schema
  readonly example?: unknown
}

export interface Operation {
  readonly operationId: string
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  parameters?: Parameter[]
  requestBody?: { required: boolean; content: Record<string, Media> }
  responses: Record<string, Answer>
}

interface Answer {
  readonly description: string
  readonly content: Record<string, Media>
}

interface Parameter {
  readonly name: string
  readonly in: 'query' | 'path' | 'header'
  readonly required: boolean
  readonly description?: string
  readonly example?: unknown
  readonly schema: Schema
}

export interface OpenApi {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Record<string, Record<string, Operation>>
}

const RAW = '/raw'
const INFO =
  'Fixed IP addresses for Kubernetes pods: who has which, since when and why. Errors are {code, message}; times are RFC 3339.'

/** Every route answers these too; each has the one error shape. */
const EVERYWHERE =
  'Any other error: 405 with Allow for a wrong method, 413 for a body above 16 MiB, 500 for our own fault.'

/** `routes` is not listened on: the plugin's own page, which loads its scripts from elsewhere, is reachable for nobody. */
export async function describe(routes: AnyElysia, version: string): Promise<OpenApi> {
  const documentation = {
    info: { title: 'floatip', version, description: INFO },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  }
  const app = new Elysia().use(routes).use(swagger({ documentation, path: '/plugin', specPath: RAW }))
  const answer = await app.handle(new Request(`http://floatip${RAW}`))
  const { openapi, info, tags, paths } = (await answer.json()) as OpenApi
  for (const operations of Object.values(paths)) for (const operation of Object.values(operations)) mend(operation)
  return { openapi, info, tags, paths }
}

function mend(operation: Operation): void {
  for (const parameter of operation.parameters ?? []) mendSchema(parameter as unknown as Schema)
  if (operation.requestBody !== undefined) operation.requestBody.content = mendContent(operation.requestBody.content)
  for (const [status, answer] of Object.entries(operation.responses)) operation.responses[status] = mendAnswer(answer)
  const error: Schema = {
    type: 'object',
    required: ['code', 'message'],
    properties: { code: { type: 'integer' }, message: { type: 'string' } },
  }
  operation.responses.default = {
    description: EVERYWHERE,
    content: { 'application/json': { schema: error, example: { code: 405, message: '/v1/ip takes GET and POST' } } },
  }
}

/** The plugin moves what an object's schema says of itself to the answer. */
function mendAnswer({ description, content, examples }: Answer & { examples?: unknown[] }): Answer {
  const mended = Object.entries(mendContent(content)).map(([type, { schema, example = examples?.[0] }]) => [
    type,
    { schema, ...(example !== undefined && { example }) },
  ])
  return { description, content: Object.fromEntries(mended) }
}

/** One media type, the one that is served: the plugin names three. */
function mendContent(content: Record<string, Media>): Record<string, Media> {
  const first = Object.values(content)[0]
  if (first === undefined) return {}
  const { example, ...schema } = mendSchema(first.schema)
  const type = schema.contentMediaType ?? (schema.type === 'string' ? 'text/plain' : 'application/json')
  return { [type]: { schema, ...(example !== undefined && { example }) } }
}

/** OpenAPI 3.0 has one example where JSON Schema has a list. */
function mendSchema(schema: Schema & { examples?: unknown[] }): Schema {
  const { examples } = schema
  delete schema.examples
  if (examples?.[0] !== undefined) schema.example = examples[0]
  for (const each of Object.values(schema.properties ?? {})) mendSchema(each)
  for (const each of schema.anyOf ?? []) mendSchema(each)
  if (schema.items !== undefined) mendSchema(schema.items)
  return schema
}
