/** Owns a small API server over HTTP: objects with versions, watches, Bindings with preconditions, and faults on demand. */
import type { Server } from 'bun'
import {
  applyPatch,
  bindPod,
  conflictOf,
  failure,
  hasStatus,
  isRefused,
  type Refused,
  refused,
  storedAs,
} from './api-semantics.ts'
import type { Kube } from './objects.ts'

const CORE = ['pods', 'nodes', 'configmaps', 'events', 'statefulsets', 'deployments', 'namespaces'] as const
const COLLECTIONS = [...CORE, 'floatingips', 'pools', 'customresourcedefinitions', 'gangs'] as const
export type Collection = (typeof COLLECTIONS)[number]

export interface Call {
  /** `list pods`, `watch pods`, `get pods`, `bind pods`, `patch floatingips`, … */
  readonly kind: string
  /** `namespace/name`, or the name. */
  readonly key: string
  readonly path: string
  readonly body: Record<string, unknown>
}

/** A status instead of the work; `after`: the work is done, and its answer lost. `hang`: no answer. */
export type ApiFault = { readonly status: number; readonly reason?: string; readonly after?: boolean } | 'hang'

/** A call that is stopped on its way in. */
export interface Held {
  readonly arrived: Promise<Call>
  /** It arrives now, whatever became of the world in between. */
  release(): void
}

interface Rule {
  readonly kind: string
  skip: number
  times: number
  readonly fault: ApiFault
}

interface Door {
  readonly kind: string
  readonly late: boolean
  used: boolean
  /** Resolves when it is released. */
  pass(call: Call): Promise<void>
}

interface Logged {
  readonly version: number
  readonly line: string
}

interface Watcher {
  readonly collection: Collection
  send(line: string): void
  end(): void
}

export function startApiServer(clusterId = 'this-cluster') {
  const store = new Map<Collection, Map<string, Kube>>(COLLECTIONS.map(name => [name, new Map()]))
  const history = new Map<Collection, Logged[]>(COLLECTIONS.map(name => [name, []]))
  const watchers = new Set<Watcher>()
  const hidden = new Set<string>()
  const quiet = new Set<Collection>()
  const rules: Rule[] = []
  const doors: Door[] = []
  const calls: Call[] = []
  let version = 100
  /** Versions below it are compacted: a watch from there is answered with 410. */
  let oldest = 0

  const of = (collection: Collection) => store.get(collection) as Map<string, Kube>
  of('namespaces').set('kube-system', { metadata: { name: 'kube-system', uid: clusterId, resourceVersion: '1' } })
  const keyOf = ({ metadata }: Kube) => (metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name)

  function emit(collection: Collection, type: string, object: Kube): Kube {
    const line = `${JSON.stringify({ type, object })}\n`
    history.get(collection)?.push({ version, line })
    if (!quiet.has(collection)) for (const each of watchers) if (each.collection === collection) each.send(line)
    return object
  }

  function put(collection: Collection, object: Kube): Kube {
    const key = keyOf(object)
    const before = of(collection).get(key)
    const stored = storedAs(collection, before, object, String(++version))
    of(collection).set(key, stored)
    return emit(collection, before === undefined ? 'ADDED' : 'MODIFIED', stored)
  }

  function remove(collection: Collection, key: string): void {
    const object = of(collection).get(key)
    if (object === undefined || !of(collection).delete(key)) return
    emit(collection, 'DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } })
  }

  /** A page goes on after the last one's key: enough for lists during which little changes. */
  function list(collection: Collection, limit: number, after: string | null): Response {
    const stored = [...of(collection)]
    const all = hidden.size === 0 ? stored : stored.filter(([key]) => !hidden.has(`${collection} ${key}`))
    const from = after === null ? 0 : all.findIndex(([key]) => key === after) + 1
    const page = all.slice(from, limit > 0 ? from + limit : undefined)
    const more = from + page.length < all.length ? { continue: page.at(-1)?.[0] } : {}
    const metadata = { resourceVersion: String(version), ...more }
    return Response.json({ kind: 'List', metadata, items: page.map(([, object]) => object) })
  }

  /** Custom resources are served as long as there is a definition. */
  function isServed(collection: Collection, path: string): boolean {
    const definitions = of('customresourcedefinitions')
    if (collection === 'floatingips' || collection === 'pools') return definitions.size > 0
    return collection !== 'gangs' || definitions.has(`gangs.${path.split('/')[2]}`)
  }

  function watch(collection: Collection, from: number): Response {
    let watcher: Watcher | undefined
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        const encoder = new TextEncoder()
        const send = (line: string) => controller.enqueue(encoder.encode(line))
        if (from < oldest) {
          send(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`)
          controller.close()
          return
        }
        watcher = { collection, send, end: () => controller.close() }
        watchers.add(watcher)
        send(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(from) } } })}\n`)
        if (!quiet.has(collection))
          for (const each of history.get(collection) ?? []) if (each.version > from) send(each.line)
      },
      cancel() {
        if (watcher) watchers.delete(watcher)
      },
    })
    return new Response(stream, { headers: { 'content-type': 'application/json' } })
  }

  function write(verb: string, collection: Collection, key: string, body: Record<string, unknown>): Kube | Refused {
    const name = key.split('/').at(-1) ?? ''
    const before = of(collection).get(key)
    if (verb === 'create') {
      const raw = body as unknown as Kube
      const { name, generateName = '' } = raw.metadata as Kube['metadata'] & { generateName?: string }
      const uid = `made-${version + 1}`
      const made = { ...raw, metadata: { ...raw.metadata, name: name ?? generateName + uid, uid } }
      if (of(collection).has(keyOf(made))) return refused(409, 'AlreadyExists', made.metadata.name)
      return put(collection, made)
    }
    if (before === undefined) return refused(404, 'NotFound', name)
    if (verb === 'get') return before
    if (verb === 'bind') {
      const bound = bindPod(before, body)
      return isRefused(bound) ? bound : put(collection, bound)
    }
    const metadata = (verb === 'delete' ? body.preconditions : body.metadata) as Partial<Kube['metadata']> | undefined
    const conflict = conflictOf(before, metadata ?? {})
    if (conflict !== null) return conflict
    const after = verb === 'patch' ? (applyPatch(before, body) as Kube) : null // what changes nothing is no write
    if (after !== null) return Bun.deepEquals(after, before) ? before : put(collection, after)
    remove(collection, key)
    return before
  }

  /** Decided when the call comes, also for one that is held. */
  function dueFault({ kind, key }: Call): ApiFault | undefined {
    const rule = rules.find(each => [kind, `${kind} ${key}`].includes(each.kind) && each.times > 0)
    if (rule === undefined || rule.skip-- > 0) return undefined
    rule.times--
    return rule.fault
  }

  async function handle(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const at = placeOf(url.pathname)
    if (at === null) return new Response('404 page not found\n', { status: 404 })
    const watching = url.searchParams.get('watch') === 'true'
    const verb = verbOf(request.method, at, watching)
    const text = await request.text()
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
    const call: Call = { kind: `${verb} ${at.collection}`, key: at.key, path: url.pathname, body }
    calls.push(call)
    if (!isServed(at.collection, url.pathname)) return new Response('404 page not found\n', { status: 404 })
    const definition = of('customresourcedefinitions').get(`${at.collection}.galaxy.k8s.io`)
    if (at.sub === 'status' && !hasStatus(definition)) return failure(404, 'NotFound', at.key)
    const fault = dueFault(call)
    const held = doors.find(each => each.kind === call.kind && !each.used)
    if (held !== undefined) held.used = true
    if (held?.late === false) await held.pass(call)
    if (fault === 'hang') return new Promise<Response>(() => {})
    if (fault !== undefined && fault.after !== true) return failure(fault.status, fault.reason ?? '', at.key)
    if (verb === 'list')
      return list(at.collection, Number(url.searchParams.get('limit')), url.searchParams.get('continue'))
    if (verb === 'watch') return watch(at.collection, Number(url.searchParams.get('resourceVersion')))
    const answer = write(verb, at.collection, at.key, body)
    if (held?.late) await held.pass(call)
    if (fault !== undefined) return failure(fault.status, fault.reason ?? 'Timeout', at.key)
    if (isRefused(answer)) return failure(answer.status, answer.reason, answer.name, answer.message)
    return Response.json(answer, { status: verb === 'create' || verb === 'bind' ? 201 : 200 })
  }

  let server: Server<unknown> = listen(0)
  const { port } = server

  function listen(on: number): Server<unknown> {
    return Bun.serve({ hostname: '127.0.0.1', port: on, idleTimeout: 0, fetch: handle })
  }

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    put,
    remove,
    get: (collection: Collection, key: string): Kube | undefined => of(collection).get(key),
    all: (collection: Collection): Kube[] => [...of(collection).values()],
    /** Changes what is stored, as somebody else would. */
    edit(collection: Collection, key: string, patch: object): Kube {
      const before = of(collection).get(key)
      if (before === undefined) throw new Error(`no ${collection} ${key}`)
      return put(collection, applyPatch(before, patch) as Kube)
    },
    /** The next calls of this kind (of one object: `patch pools kube-system/a`), after `skip`, fail. */
    fail(kind: string, fault: ApiFault, times = 1, skip = 0): void {
      rules.push({ kind, fault, times, skip })
    },
    /** Nothing fails any more. */
    heal(): void {
      rules.length = 0
    },
    /** The next call of this kind waits at the door; `late`: what it asks for is done, and its answer waits. */
    hold(kind: string, late = false): Held {
      const arrived = Promise.withResolvers<Call>()
      const released = Promise.withResolvers<void>()
      const pass = (call: Call) => {
        arrived.resolve(call)
        return released.promise
      }
      doors.push({ kind, late, used: false, pass })
      return { arrived: arrived.promise, release: () => released.resolve() }
    },
    /** Lists leave it out, as an old cache would; a GET still finds it. */
    hide: (collection: Collection, key: string) => void hidden.add(`${collection} ${key}`),
    show: (collection: Collection, key: string) => void hidden.delete(`${collection} ${key}`),
    /** Events of this collection are late: nobody is told before {@link tell}. */
    hush: (collection: Collection) => void quiet.add(collection),
    tell(collection: Collection): void {
      quiet.delete(collection)
      this.dropWatches(collection)
    },
    /** Ends the watches; `compacted`: their versions are too old to go on from. */
    dropWatches(collection: Collection, compacted = false): void {
      if (compacted) oldest = ++version
      for (const each of watchers) {
        if (each.collection !== collection) continue
        watchers.delete(each)
        each.end()
      }
    },
    /** Every connection is cut, and nothing listens there for a while. */
    async down(): Promise<void> {
      watchers.clear()
      await server.stop(true)
    },
    up(): void {
      server = listen(port as number)
    },
    async stop(): Promise<void> {
      await server.stop(true)
    },
  }
}

export type ApiServer = ReturnType<typeof startApiServer>

interface Place {
  readonly collection: Collection
  readonly key: string
  readonly sub: string
}

function placeOf(path: string): Place | null {
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent)
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3)
  const namespace = rest[0] === 'namespaces' && rest.length > 2 ? `${rest[1]}/` : ''
  const [plural, name = '', sub = ''] = namespace === '' ? rest : rest.slice(2)
  const collection = COLLECTIONS.find(each => each === plural)
  return collection === undefined ? null : { collection, key: name === '' ? '' : namespace + name, sub }
}

function verbOf(method: string, { key, sub }: Place, watching: boolean): string {
  if (sub === 'binding') return 'bind'
  if (method === 'GET') return watching ? 'watch' : key === '' ? 'list' : 'get'
  return { POST: 'create', PATCH: 'patch', DELETE: 'delete' }[method] ?? method
}
