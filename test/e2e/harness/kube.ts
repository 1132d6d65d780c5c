/** Owns the tests' own conversation with the API server: plain HTTP as admin, never through code of floatip. */
import { parse } from 'yaml'

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: Metadata
}

/** The API server refused; `reason` is that of its Status. */
export class KubeError extends Error {
  readonly status: number
  readonly reason: string

  constructor(what: string, status: number, reason: string, message: string) {
    super(`${what}: ${status} ${reason}: ${message}`)
    this.status = status
    this.reason = reason
  }
}

/** A path begins with `/api/…` or `/apis/…`; a query may follow after `?`. */
export interface Kube {
  readonly server: string
  get<T>(path: string): Promise<T>
  /** Null where there is none. */
  find<T>(path: string): Promise<T | null>
  list<T>(path: string): Promise<T[]>
  create<T extends KubeObject>(path: string, object: T): Promise<T>
  /** A JSON merge patch. */
  patch<T>(path: string, change: unknown): Promise<T>
  /** Without complaint where there is none. `orphan`: what it owns stays. */
  delete(path: string, options?: { readonly graceSeconds?: number; readonly orphan?: boolean }): Promise<void>
}

interface Kubeconfig {
  readonly 'current-context': string
  readonly contexts: readonly { name: string; context: { cluster: string; user: string } }[]
  readonly clusters: readonly { name: string; cluster: { server: string; 'certificate-authority-data'?: string } }[]
  readonly users: readonly {
    name: string
    user: { 'client-certificate-data'?: string; 'client-key-data'?: string; token?: string }
  }[]
}

export async function connect(kubeconfigFile: string): Promise<Kube> {
  const access = accessOf(parse(await Bun.file(kubeconfigFile).text()) as Kubeconfig)

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    const response = await fetch(access.server + path, {
      method,
      headers: { 'content-type': type, accept: 'application/json', ...access.headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      tls: access.tls,
    })
    const answer: unknown = await response.json()
    if (response.ok) return answer as T
    const { reason, message } = answer as { reason?: string; message?: string }
    throw new KubeError(`${method} ${path}`, response.status, reason ?? '', message ?? '')
  }

  const kube: Kube = {
    server: access.server,
    get: path => call('GET', path),
    find: path => kube.get<never>(path).catch(nullWhenMissing),
    list: async path => (await call<{ items: never[] | null }>('GET', path)).items ?? [],
    create: (path, object) => call('POST', path, object),
    patch: (path, change) => call('PATCH', path, change),
    delete: async (path, { graceSeconds, orphan } = {}) => {
      const body = { gracePeriodSeconds: graceSeconds, propagationPolicy: orphan ? 'Orphan' : undefined }
      const isPlain = graceSeconds === undefined && orphan === undefined
      await call('DELETE', path, isPlain ? undefined : body).catch(nullWhenMissing)
    },
  }
  return kube
}

function nullWhenMissing(error: unknown): null {
  if (error instanceof KubeError && error.status === 404) return null
  throw error
}

function accessOf(config: Kubeconfig) {
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster
  const user = config.users.find(({ name }) => name === context?.user)?.user
  if (cluster === undefined || user === undefined) throw new Error('the kubeconfig has no complete current context')
  const text = (base64: string | undefined) => (base64 === undefined ? undefined : atob(base64))
  const tls = {
    ca: text(cluster['certificate-authority-data']),
    cert: text(user['client-certificate-data']),
    key: text(user['client-key-data']),
  }
  return {
    server: cluster.server,
    headers: user.token === undefined ? {} : { authorization: `Bearer ${user.token}` },
    // One object for all calls: Bun pools connections per TLS configuration.
    tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
  }
}

/** Asks again and again until it is neither null, undefined nor false; the last failure is in the message when time is up. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  { withinMs = 30_000, everyMs = 100 } = {},
): Promise<T> {
  const start = performance.now()
  let failure: unknown
  while (performance.now() - start < withinMs) {
    try {
      const answer = await ask()
      if (answer !== null && answer !== undefined && answer !== false) return answer
      failure = undefined
    } catch (error) {
      failure = error
    }
    await Bun.sleep(everyMs)
  }
  const because = failure === undefined ? '' : `: ${failure instanceof Error ? failure.message : String(failure)}`
  throw new Error(`not within ${withinMs} ms: ${what}${because}`)
}
