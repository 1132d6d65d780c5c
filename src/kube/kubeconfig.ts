/** Owns where the API server is and who we are to it: a kubeconfig, `--master`, or the pod that we run in. */
import { existsSync, readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { dirname, resolve } from 'node:path'
import { type Cluster, KubeConfig, type User } from '@kubernetes/client-node'
import { parse } from 'yaml'
import { Fault, messageOf } from '../lib/fault.ts'
import { check, fieldError } from './kubeconfig-check.ts'
import { completed, type RawKubeconfig, withExecInfo } from './kubeconfig-user.ts'

/** As Bun's fetch takes it. */
export interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  /** Always given: left out, the environment (NODE_TLS_REJECT_UNAUTHORIZED) could switch verification off. */
  readonly rejectUnauthorized: boolean
}

/** What a request carries. The same object until something changes, because Bun pools connections per TLS configuration. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly tls: Tls | null
}

export interface KubeConnection {
  /** With scheme, host, port and path prefix, without a closing slash. */
  readonly server: string
  /** What set it up, for messages to people. */
  readonly source: string
  /** Of the kubeconfig's context, or the pod's own. */
  readonly namespace: string | null
  readonly proxy: string | null
  /** Read again from files and plugins, at most once a second. */
  credentials(): Promise<Credentials>
  /** After a 401: forgets what is remembered of tokens and plugins, at most once a second; gives back `refused` if there is nothing newer. */
  renew(refused: Credentials): Promise<Credentials>
}

export interface ConnectOptions {
  /** A file; empty counts as not given. */
  readonly kubeconfig?: string | undefined
  /** Takes the place of the kubeconfig's server. */
  readonly master?: string | undefined
  /** Before `/var/run/secrets/…`; for tests. */
  readonly root?: string
  readonly monotonicMs?: () => number
}

const refreshEveryMs = 1000
/** Exec plugins may ask an identity provider over the network; one that waits for a person never ends. */
const credentialsTimeoutMs = 60_000

export function connect(options: ConnectOptions): KubeConnection {
  const monotonicMs = options.monotonicMs ?? (() => performance.now())
  let loaded = load(options)
  const { server, source, namespace, proxy, secure } = loaded
  let current: Credentials | null = null
  let readAt = Number.NEGATIVE_INFINITY
  let renewedAt = Number.NEGATIVE_INFINITY
  let reading: Promise<Credentials> | null = null

  /** One reading at a time, shared by all who wait. */
  function read(): Promise<Credentials> {
    reading ??= (secure ? credentialsOf(loaded) : Promise.resolve({ headers: {}, tls: null }))
      .then(fresh => {
        if (current === null || JSON.stringify(fresh) !== JSON.stringify(current)) current = fresh
        return current
      })
      .finally(() => {
        // Also of one that failed: a plugin that cannot is not started for every request.
        readAt = monotonicMs()
        reading = null
      })
    return reading
  }

  return {
    server,
    source,
    namespace,
    proxy,
    async credentials() {
      if (current === null) return await read()
      if (monotonicMs() - readAt < refreshEveryMs) return current
      // A file in the middle of its rotation, a plugin without network: what we have may still be good. If not, a 401 tells (renew).
      const known = current
      return await read().catch(() => known)
    },
    async renew(refused) {
      if (current !== null && current !== refused) return current
      if (monotonicMs() - renewedAt >= refreshEveryMs) {
        renewedAt = monotonicMs()
        // client-node keeps tokens (60 s) and plugins' answers (until they expire) inside its KubeConfig: a new one has neither.
        const again = load(options)
        // Were the file about another server by now, its credentials must not reach this one.
        if (again.server === server) loaded = again
        await reading?.catch(() => {})
        return await read()
      }
      return await (reading ?? refused)
    },
  }
}

interface Loaded {
  readonly config: KubeConfig
  readonly server: string
  readonly source: string
  readonly namespace: string | null
  readonly proxy: string | null
  /** Over plain HTTP no credentials are sent, as kubectl does it. */
  readonly secure: boolean
}

function load(options: ConnectOptions): Loaded {
  const { source, cluster, user, namespace } = chosen(options)
  const server = serverOf(source, options.master || cluster.server, options.kubeconfig ? 'https' : 'http')
  const secure = server.startsWith('https:')
  const used: Cluster = { ...cluster, server }
  if (secure) check(source, used, user)
  const proxy = used.proxyUrl || null
  if (proxy?.startsWith('socks')) {
    throw fieldError(source, `clusters[${used.name}].cluster.proxy-url`, 'SOCKS is not supported; use an http(s) proxy')
  }
  const config = new KubeConfig()
  config.loadFromClusterAndUser(used, withExecInfo(user, used))
  return { config, server, source, namespace, proxy, secure }
}

interface Chosen {
  readonly source: string
  readonly cluster: Cluster
  readonly user: User
  readonly namespace: string | null
}

/** client-node drops the CA when there is no user at all, so there always is one. */
const nobody: User = { name: 'nobody' }

function chosen(options: ConnectOptions): Chosen {
  if (options.kubeconfig) return fromFile(options.kubeconfig, options.master !== undefined && options.master !== '')
  if (options.master) {
    return {
      source: '--master',
      cluster: { name: 'master', server: options.master, skipTLSVerify: false },
      user: nobody,
      namespace: null,
    }
  }
  return fromPod(options.root ?? '')
}

function fromPod(root: string): Chosen {
  const source = "the pod's service account"
  if (!process.env.KUBERNETES_SERVICE_HOST || !process.env.KUBERNETES_SERVICE_PORT) {
    throw new Fault(
      'no API server: not in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set); give --kubeconfig or --master',
      { retryable: false },
    )
  }
  const token = `${root}/var/run/secrets/kubernetes.io/serviceaccount/token`
  if (!existsSync(token)) {
    throw new Fault(`${source}: ${token} is missing: set automountServiceAccountToken, or give --kubeconfig`, {
      retryable: false,
    })
  }
  const config = new KubeConfig()
  config.loadFromCluster(root)
  return found(source, config)
}

function fromFile(file: string, serverIsGiven: boolean): Chosen {
  const source = `kubeconfig ${file}`
  const config = new KubeConfig()
  let raw: RawKubeconfig
  try {
    const text = readFileSync(file, 'utf8')
    raw = parse(text) ?? {}
    config.loadFromFile(file)
  } catch (cause) {
    // Only the first line: the parser quotes the file from the second on, and tokens are what stands there.
    const why = messageOf(cause).split('\n')[0]?.replace(/:$/, '')
    throw new Fault(`${source}: ${why}: correct it, or name another one with --kubeconfig`, { retryable: false })
  }
  if (!config.currentContext) {
    throw fieldError(
      source,
      'current-context',
      'is empty: choose one of its contexts with `kubectl config use-context`',
    )
  }
  const choice = found(source, config)
  if (!serverIsGiven && !choice.cluster.server)
    throw fieldError(source, `clusters[${choice.cluster.name}].cluster.server`, 'is missing')
  return { ...choice, user: completed(choice.user, raw, dirname(resolve(file))) }
}

function found(source: string, config: KubeConfig): Chosen {
  const context = config.getContextObject(config.currentContext)
  if (context === null)
    throw fieldError(source, 'current-context', `names a context that does not exist: ${config.currentContext}`)
  const cluster = config.getCluster(context.cluster)
  if (cluster === null)
    throw fieldError(
      source,
      `contexts[${context.name}].context.cluster`,
      `names a cluster that does not exist: ${context.cluster}`,
    )
  const user = context.user ? config.getUser(context.user) : nobody
  if (user === null)
    throw fieldError(
      source,
      `contexts[${context.name}].context.user`,
      `names a user that does not exist: ${context.user}`,
    )
  return { source, cluster, user, namespace: context.namespace || null }
}

function serverOf(source: string, server: string, scheme: string): string {
  const text = /^[a-z]+:\/\//.test(server) ? server : `${scheme}://${server}`
  const shown = server.replace(/\/\/[^/]*@/, '//…@')
  if (!URL.canParse(text) || !/^https?:/.test(text)) {
    throw new Fault(`${source}: ${shown} is not the address of an API server; write https://host:port`, {
      retryable: false,
    })
  }
  // It would be in every message about this server.
  if (new URL(text).username !== '' || new URL(text).password !== '') {
    throw new Fault(`${source}: ${shown} has a user or password in it; put them into a user of a kubeconfig`, {
      retryable: false,
    })
  }
  return text.replace(/\/+$/, '')
}

async function credentialsOf({ config, source }: Loaded): Promise<Credentials> {
  const options: RequestOptions = {}
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no answer within ${credentialsTimeoutMs / 1000} s`)),
        credentialsTimeoutMs,
      )
    })
    await Promise.race([config.applyToHTTPSOptions(options), late])
  } catch (cause) {
    const user = config.getCurrentUser()
    const plugin = user?.exec ? `users[${user.name}].user.exec: ${user.exec.command}: ` : ''
    const hint = user?.exec?.installHint ? ` (${user.exec.installHint})` : ''
    // The parser quotes what it could not read, and a token is what stands there.
    const isUnreadable = cause instanceof SyntaxError
    const why = isUnreadable ? 'what it prints is not an ExecCredential in JSON' : messageOf(cause).trim()
    throw new Fault(`${source}: no credentials: ${plugin}${why}${hint}`, {
      retryable: true,
      ...(!isUnreadable && { cause }),
    })
  } finally {
    clearTimeout(timer)
  }
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // Token files end in a newline, which is no part of a header.
    if (typeof value === 'string') headers[name] = value.trim()
  }
  if (options.auth) headers.Authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`
  const servername = (options as { servername?: unknown }).servername
  return {
    headers,
    tls: {
      ...(options.ca && { ca: String(options.ca) }),
      ...(options.cert && { cert: String(options.cert) }),
      ...(options.key && { key: String(options.key) }),
      ...(typeof servername === 'string' && { serverName: servername }),
      rejectUnauthorized: options.rejectUnauthorized !== false,
    },
  }
}
