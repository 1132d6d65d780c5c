/** Owns the HTTP of the miniature API server: paths, bodies and content types in, JSON or a stream of lines out. */
import type { Api, Binding, DeleteOptions } from './api.ts'
import { discover } from './discovery.ts'
import { ApiFailure, badRequest, noSuchPath } from './failure.ts'
import { type Pages, pagesOn, watch } from './listing.ts'
import type { Draft, KubeObject } from './objects.ts'
import { jsonPatch, mergePatch } from './patch.ts'
import { groupVersion, PODS, type Resource, type Resources } from './resources.ts'
import { isScalable, scaledTo, scaleOf } from './scale.ts'
import { selectorOf } from './selectors.ts'
import { tableOf } from './table.ts'

export interface ApiServer {
  readonly url: string
  stop(): Promise<void>
}

interface Target {
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly sub: string | undefined
}

/** What a handler needs of the request. */
interface Call {
  readonly target: Target
  readonly query: URLSearchParams
  readonly request: Request
  readonly asTable: boolean
}

/** Real ones send one about once a minute. */
const BOOKMARK_EVERY_MS = 30_000

export function apiServer(api: Api, resources: Resources, options: { bookmarkEveryMs?: number } = {}): ApiServer {
  const pages = pagesOn(api.store)
  const bookmarkEveryMs = options.bookmarkEveryMs ?? BOOKMARK_EVERY_MS

  async function answer(request: Request): Promise<Response> {
    const { pathname, searchParams: query } = new URL(request.url)
    if (/^\/(healthz|livez|readyz)$/.test(pathname)) return new Response('ok')
    const about = discover(pathname, resources)
    if (about !== null) return Response.json(about)
    const target = targetOf(pathname, resources)
    const asTable = request.headers.get('accept')?.includes('as=Table') ?? false
    const call = { target, query, request, asTable }
    switch (request.method) {
      case 'GET':
        return target.name === undefined ? collection(call, target) : shown(call, read(target, target.name))
      case 'POST':
        return await post(call)
      case 'PUT':
      case 'PATCH':
        return await change(call)
      case 'DELETE':
        return await remove(call)
      default:
        throw new ApiFailure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
    }
  }

  function read({ resource, namespace, sub }: Target, name: string): KubeObject {
    const object = api.get(resource, namespace, name)
    if (sub === 'scale' && isScalable(resource)) return scaleOf(object)
    if (sub !== undefined && sub !== 'status') throw noSuchPath()
    return object
  }

  function collection(call: Call, { resource, namespace }: Target): Response {
    const selector = selectorOf(call.query, namespace)
    if (/^(true|1)$/.test(call.query.get('watch') ?? '')) return stream(call)
    return listed(call, pages.list(resource, selector, call.query))
  }

  function listed({ target: { resource }, asTable }: Call, { items, metadata }: ReturnType<Pages['list']>): Response {
    if (asTable) return Response.json(tableOf(resource, items, metadata))
    return Response.json({ kind: `${resource.kind}List`, apiVersion: groupVersion(resource), metadata, items })
  }

  function stream({ target: { resource, namespace }, query, asTable }: Call): Response {
    const selector = selectorOf(query, namespace)
    const encoder = new TextEncoder()
    let stop = () => {}
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        // Bun sends the headers with the first chunk; clients skip an empty line.
        controller.enqueue(encoder.encode('\n'))
        stop = watch({
          ...{ store: api.store, resource, selector, query, bookmarkEveryMs },
          send({ type, object }) {
            const table = asTable && type !== 'ERROR' && type !== 'BOOKMARK'
            const line = { type, object: table ? tableOf(resource, [object as KubeObject], {}) : object }
            controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
          },
          end: () => controller.close(),
        })
      },
      cancel: () => stop(),
    })
    return new Response(body, { headers: { 'content-type': 'application/json' } })
  }

  async function post(call: Call): Promise<Response> {
    const { resource, namespace, name, sub } = call.target
    const body = await bodyOf(call.request)
    if (resource === PODS && sub === 'binding' && namespace !== undefined && name !== undefined) {
      api.bind(namespace, name, body as Binding)
      return Response.json(
        { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
        { status: 201 },
      )
    }
    if (name !== undefined) throw noSuchPath()
    if (resource.namespaced && namespace === undefined) throw badRequest(`${resource.plural} need a namespace`)
    return shown(call, api.create(resource, namespace, body as Draft), 201)
  }

  async function change(call: Call): Promise<Response> {
    const { resource, namespace, name, sub } = call.target
    const scaling = sub === 'scale' && isScalable(resource)
    if (name === undefined || (sub !== undefined && sub !== 'status' && !scaling)) throw noSuchPath()
    const body = await bodyOf(call.request)
    const type = call.request.headers.get('content-type') ?? ''
    const next = (current: KubeObject): unknown => {
      if (call.request.method === 'PUT') return body
      // The version that the patch was applied to is no precondition, only one that the patch itself names.
      const { resourceVersion: _, ...metadata } = current.metadata
      const target = { ...current, metadata }
      if (type.includes('json-patch+json')) return jsonPatch(target, body)
      if (type.includes('merge-patch+json')) return mergePatch(target, body)
      throw new ApiFailure(415, 'UnsupportedMediaType', `the miniature API server does not know ${type}`)
    }
    if (scaling) {
      const scaled = (current: KubeObject) => scaledTo(current, next(scaleOf(current)))
      return Response.json(scaleOf(api.update(resource, namespace, name, scaled)))
    }
    return shown(call, api.update(resource, namespace, name, next, sub === 'status' ? 'status' : 'whole'))
  }

  async function remove(call: Call): Promise<Response> {
    const { resource, namespace, name } = call.target
    const options = (await bodyOf(call.request, true)) as DeleteOptions
    const asked = call.query.get('gracePeriodSeconds')
    const grace = asked === null ? {} : { gracePeriodSeconds: Number(asked) }
    if (name !== undefined) return shown(call, api.delete(resource, namespace, name, { ...options, ...grace }))
    const page = pages.list(resource, selectorOf(call.query, namespace), new URLSearchParams())
    for (const { metadata } of page.items) api.delete(resource, metadata.namespace, metadata.name, grace)
    return listed(call, page)
  }

  function shown({ target: { resource }, asTable }: Call, object: KubeObject, status = 200): Response {
    return Response.json(asTable ? tableOf(resource, [object], {}) : object, { status })
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    // Watches are silent for long.
    idleTimeout: 0,
    fetch: request => answer(request).catch(failed),
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    stop: () => server.stop(true),
  }
}

function failed(thrown: unknown): Response {
  const failure = thrown instanceof ApiFailure ? thrown : new ApiFailure(500, 'InternalError', String(thrown))
  return Response.json(failure.status, { status: failure.status.code })
}

async function bodyOf(request: Request, mayBeEmpty = false): Promise<unknown> {
  const text = await request.text()
  if (text === '' && mayBeEmpty) return {}
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest('the body is not JSON')
  }
}

/** `/api/v1/…` or `/apis/{group}/{version}/…`, then `[namespaces/{namespace}/]{plural}[/{name}[/{sub}]]`. */
function targetOf(path: string, resources: Resources): Target {
  const parts = path.split('/').slice(1).map(decodeURIComponent)
  const root = parts.shift()
  const group = root === 'apis' ? (parts.shift() ?? '') : ''
  const version = parts.shift() ?? ''
  const inNamespace = parts[0] === 'namespaces' && parts.length > 2 && parts[2] !== 'status'
  const namespace = inNamespace ? parts.splice(0, 2)[1] : undefined
  const [plural = '', name, sub] = parts
  const resource = resources.find(group, version, plural)
  if (!/^apis?$/.test(root ?? '') || resource === undefined || parts.length > 3) throw noSuchPath()
  return { resource, namespace: resource.namespaced ? namespace : undefined, name: name || undefined, sub }
}
