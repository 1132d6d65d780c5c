/** Owns the Swagger 1.2 listing that galaxy-ipam's users know, made from the same description. */
import type { Media, OpenApi, Operation, Schema } from './openapi.ts'

type Model = { id: string; required: string[]; properties: Record<string, object> }

export function resourceListing({ info, tags }: OpenApi) {
  const { title, version, description } = info
  return {
    swaggerVersion: '1.2',
    apiVersion: version,
    apis: [{ path: '/v1', description: tags.map(({ name }) => name).join(', ') }],
    info: { title, description },
  }
}

/** All routes below /v1, and the models that they speak of. */
export function apiDeclaration({ info, paths }: OpenApi, basePath: string) {
  const models: Record<string, Model> = {}
  const apis = Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .map(([path, operations]) => ({
      path,
      description: '',
      operations: Object.entries(operations).map(([method, operation]) => declared(method, operation, models)),
    }))
  return {
    swaggerVersion: '1.2',
    apiVersion: info.version,
    basePath,
    resourcePath: '/v1',
    consumes: ['application/json'],
    produces: ['application/json'],
    apis,
    models,
  }
}

function declared(method: string, operation: Operation, models: Record<string, Model>) {
  const { operationId, summary = '', description = '', parameters = [], requestBody, responses } = operation
  const typeFor = (media: Media | undefined, suffix: string) =>
    media === undefined ? { type: 'void' } : typeOf(media.schema, `${operationId}.${suffix}`, models)
  const body = Object.values(requestBody?.content ?? {})[0]
  return {
    method: method.toUpperCase(),
    nickname: operationId,
    summary,
    notes: description,
    ...typeFor(Object.values(responses['200']?.content ?? {})[0], 'answer'),
    parameters: [
      ...parameters.map(({ name, in: paramType, required, description = '', schema }) => ({
        name,
        paramType,
        required,
        description,
        type: schema.type ?? 'string',
      })),
      ...(body === undefined
        ? []
        : [{ name: 'body', paramType: 'body', required: true, description: '', ...typeFor(body, 'body') }]),
    ],
    responseMessages: Object.entries(responses)
      .filter(([status]) => status !== 'default')
      .map(([status, { description, content }]) => {
        const { type } = typeFor(Object.values(content)[0], status === '200' ? 'answer' : status) as { type: string }
        return { code: Number(status), message: description, ...(type in models && { responseModel: type }) }
      }),
  }
}

/** Objects become models by name: Swagger 1.2 knows no nesting. */
function typeOf(schema: Schema, name: string, models: Record<string, Model>): object {
  const { anyOf, type, items, properties, required = [] } = schema
  if (anyOf?.[0] !== undefined) return typeOf(anyOf[0], name, models)
  if (type === 'array') {
    const of = typeOf(items ?? { type: 'string' }, `${name}.item`, models) as { type: string }
    return { type: 'array', items: of.type in models ? { $ref: of.type } : of }
  }
  if (type !== 'object') return { type: type ?? 'string' }
  const model: Model = { id: name, required, properties: {} }
  models[name] = model
  for (const [field, of] of Object.entries(properties ?? {})) {
    const typed = typeOf(of, `${name}.${field}`, models) as { type: string }
    const description = of.description ?? ''
    model.properties[field] = typed.type in models ? { $ref: typed.type, description } : { ...typed, description }
  }
  return { type: name }
}
