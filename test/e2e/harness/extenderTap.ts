/** Owns the listener between scheduler and floatip: passes each call on and remembers it, so that a test can count. */

export interface Call {
  readonly verb: string
  /** `namespace/name` of the pod that it was about. */
  readonly pod: string
  /** Of performance.now(), when the call came. */
  readonly atMs: number
  /** Null while it is under way. */
  status: number | null
  reply: unknown
}

export interface Tap {
  readonly url: string
  readonly calls: readonly Call[]
  /** Calls about one pod, of one verb when given. */
  about(namespace: string, pod: string, verb?: string): Call[]
  stop(): Promise<void>
}

interface Asked {
  readonly Pod?: { readonly metadata?: { readonly namespace?: string; readonly name?: string } }
  readonly PodName?: string
  readonly PodNamespace?: string
}

/** `target` is floatip's address; nobody needs to listen there yet. */
export function tap(target: string): Tap {
  const calls: Call[] = []

  async function pass(request: Request): Promise<Response> {
    const body = await request.text()
    const { pathname } = new URL(request.url)
    const call: Call = {
      verb: pathname.split('/').at(-1) ?? '',
      pod: podOf(body),
      atMs: performance.now(),
      status: null,
      reply: null,
    }
    calls.push(call)
    try {
      const answer = await fetch(target + pathname, {
        method: request.method,
        headers: { 'content-type': request.headers.get('content-type') ?? 'application/json' },
        body,
      })
      const text = await answer.text()
      call.status = answer.status
      call.reply = parsed(text)
      return new Response(text, { status: answer.status, headers: { 'content-type': 'application/json' } })
    } catch (error) {
      call.status = 502
      call.reply = String(error)
      return new Response(String(error), { status: 502 })
    }
  }

  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: pass })
  return {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    about: (namespace, pod, verb) =>
      calls.filter(call => call.pod === `${namespace}/${pod}` && (verb === undefined || call.verb === verb)),
    stop: () => server.stop(true),
  }
}

function podOf(body: string): string {
  const asked = parsed(body) as Asked | string
  if (typeof asked === 'string') return ''
  const { namespace, name } = asked.Pod?.metadata ?? { namespace: asked.PodNamespace, name: asked.PodName }
  return `${namespace}/${name}`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** As the contract recommends it; the rest of the file is filled in by the cluster. */
export function schedulerConfig(url: string, { qps = 500 } = {}): string {
  return JSON.stringify({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    percentageOfNodesToScore: 100,
    clientConnection: { qps, burst: qps * 2 },
    extenders: [
      {
        urlPrefix: `${url}/v1`,
        filterVerb: 'filter',
        prioritizeVerb: 'priority',
        bindVerb: 'bind',
        preemptVerb: 'preempt',
        weight: 1,
        httpTimeout: '10s',
        nodeCacheCapable: true,
        ignorable: false,
        managedResources: [{ name: 'tke.cloud.tencent.com/eni-ip', ignoredByScheduler: true }],
      },
    ],
  })
}
