/** Owns the watches on custom workloads: each kind is followed from its first need until nobody has needed it for a while. */
import { GONE, UNLOOKED, type Workload } from '../domain/demand.ts'
import { type Owner, STATEFUL_SET } from '../domain/owner.ts'
import type { Clock } from '../lib/clock.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import {
  collectionPath,
  DEFINITIONS_PATH,
  type Definition,
  definitionOf,
  isScale,
  objectPath,
  replicasAt,
  type Scale,
  scaleOf,
  sizeOf,
  unscaled,
} from './definition.ts'
import { listAll } from './list.ts'
import { type Change, type Mirror, mirror } from './mirror.ts'
import { objectKey, type RawObject } from './raw.ts'
import { ApiError, isNotFound, type Transport } from './transport.ts'

/** `missing`: the kind is followed and has no such object, which proves nothing (R26). `starting`: not listed yet. */
export type Told = Workload | 'missing' | 'starting'

export interface CustomListeners {
  /** Its replicas changed, or it came or went. */
  changed(workload: Owner, apiVersion: string): void
  /** All of a kind was listed anew, or one without a namespace changed: whatever is kept by that kind is worth a look. */
  listed(kind: string, group: string): void
  /** What {@link CustomWorkloads.told} tells of a kind may be something else now. */
  moved(): void
}

export interface CustomWorkloads {
  /** What the watches tell; the first question about a kind starts its watch. */
  told(owner: Owner, apiVersion: string): Told
  /** Resolves as soon as the watches tell more than `starting`: soon, since the scheduler waits. */
  settled(owner: Owner, apiVersion: string): Promise<void>
  /** A quorum read, at the path that the definition names (R10). */
  read(owner: Owner, apiVersion: string): Promise<Workload>
  /** All of its kind, in a paged quorum list; null while the kind is not followed: nobody can tell. */
  list(owner: Owner, apiVersion: string): Promise<ReadonlyMap<string, Workload> | null>
  /** Ends the watches that nobody has asked about for some minutes. */
  rest(): void
  /** What is followed now, as `group/version/plural`. */
  mirrors(): readonly (readonly [string, Mirror<unknown>])[]
  start(listeners: CustomListeners): void
  stop(): Promise<void>
}

/** Long enough for an operator's restart or a node that comes back; an idle watch costs one connection. */
const UNUSED_AFTER_MS = 5 * 60_000
/** A list of 500 objects takes some 50 ms. The scheduler asks for one pod at a time: nobody else may wait long for a slow kind. */
const SETTLED_WITHIN_MS = 1_000
const LOOK_MS = 10
/** Bun has 256 connections: 64 requests under way, a dozen watches of our own, and as many again to spare. */
const KINDS_MAX = 100
/** Definitions carry their schemas, up to 1 MB each: few at once. */
const DEFINITIONS_A_PAGE = 20

export interface CustomParts {
  readonly transport: Transport
  readonly log: Log
  readonly clock: Pick<Clock, 'sleep'>
  readonly random: () => number
  readonly onFailure: (thrown: unknown) => void
  readonly monotonicMs: () => number
}

/** What we keep of an object. */
interface Sized {
  readonly namespace: string
  readonly name: string
  readonly replicas: number | null
}

interface Followed {
  readonly scale: Scale
  readonly startedAt: number
  readonly objects: Mirror<Sized>
}

interface Wanted {
  readonly kind: string
  readonly apiVersion: string
  askedAt: number
}

export function customWorkloadsOn(parts: CustomParts): CustomWorkloads {
  const { transport, clock, log, monotonicMs } = parts
  /** Kinds that somebody needs, followed as long as their definition allows it. */
  const wanted = new Map<string, Wanted>()
  const followed = new Map<string, Followed>()
  /** Watches on their way out. */
  const leaving = new Set<Promise<void>>()
  let listeners: CustomListeners | null = null
  let definitions: Mirror<Definition> | null = null
  let definitionsSince = 0
  let stopped = false

  /** Followed from the first custom workload on, for good: that one changes or comes again is seen at once. */
  function known(): Mirror<Definition> {
    if (definitions !== null) return definitions
    definitionsSince = monotonicMs()
    definitions = mirror<Definition>({
      ...parts,
      path: DEFINITIONS_PATH,
      pageLimit: DEFINITIONS_A_PAGE,
      pick: definitionOf,
      onChange() {
        align()
        listeners?.moved()
      },
      onState: () => listeners?.moved(),
    })
    if (!stopped) definitions.start()
    void definitions.synced.then(() => {
      align()
      listeners?.moved()
    })
    return definitions
  }

  /** Follows exactly what is wanted and can be followed, as its definition is now. */
  function align(): void {
    if (!known().isSynced) return
    const due = new Map<string, Scale>()
    for (const { kind, apiVersion } of wanted.values()) {
      const scale = scaleOf(known().values(), kind, apiVersion)
      if (isScale(scale)) due.set(collectionPath(scale), scale)
    }
    for (const [path, { scale, objects }] of followed) {
      if (isSame(due.get(path), scale)) continue
      followed.delete(path)
      const left = objects.stop().finally(() => leaving.delete(left))
      leaving.add(left)
    }
    for (const [path, scale] of due) if (!followed.has(path) && followed.size < KINDS_MAX) follow(path, scale)
  }

  function follow(path: string, scale: Scale): void {
    if (stopped) return
    const objects = mirror<Sized>({
      ...parts,
      path,
      pick: raw => ({
        namespace: raw.metadata.namespace ?? '',
        name: raw.metadata.name,
        replicas: replicasAt(raw, scale.replicasPath),
      }),
      onChange: change => tell(scale, objects, change),
      onState(state) {
        // While it could not be followed, quorum reads may have failed too.
        if (state === 'following' && objects.isSynced) listed(scale)
        listeners?.moved()
      },
    })
    followed.set(path, { scale, startedAt: monotonicMs(), objects })
    objects.start()
    void objects.synced.then(() => {
      listed(scale)
      listeners?.moved()
    })
  }

  function listed({ definition }: Scale): void {
    listeners?.listed(keyKind(definition), definition.group)
  }

  /** The first list is told as a whole. */
  function tell(scale: Scale, objects: Mirror<Sized>, change: Change<Sized>): void {
    if (!objects.isSynced) return
    if (change.kind === 'seen' && change.before?.replicas === change.after.replicas) return
    const { definition, version } = scale
    const { namespace, name } =
      change.kind === 'seen' ? change.after : change.kind === 'deleted' ? change.last : change.before
    const workload = { pool: '', kind: keyKind(definition), namespace, workload: name, pod: '' }
    if (definition.namespaced) listeners?.changed(workload, `${definition.group}/${version}`)
    else listed(scale)
    listeners?.moved()
  }

  function want({ kind }: Owner, apiVersion: string): void {
    const key = `${kind} ${apiVersion}`
    const before = wanted.get(key)
    if (before !== undefined) before.askedAt = monotonicMs()
    else {
      wanted.set(key, { kind, apiVersion, askedAt: monotonicMs() })
      align()
    }
  }

  function told(owner: Owner, apiVersion: string): Told {
    const all = known()
    if (!all.isSynced) {
      want(owner, apiVersion)
      return notYet('the custom resource definitions', all, definitionsSince)
    }
    const scale = scaleOf(all.values(), owner.kind, apiVersion)
    // Made-up kinds are not remembered, only what can be followed.
    if (!isScale(scale)) return scale
    want(owner, apiVersion)
    const resource = `${scale.definition.plural}.${scale.definition.group}`
    const kind = followed.get(collectionPath(scale))
    if (kind === undefined) return unscaled(`floatip follows ${KINDS_MAX} kinds of custom workloads already`)
    const { objects, startedAt } = kind
    if (isForbidden(objects.failure)) {
      return unscaled(`floatip needs the rights get, list and watch on ${resource}: ${messageOf(objects.failure)}`)
    }
    if (!objects.isSynced || objects.state === 'absent')
      return notYet(`${resource} ${scale.version}`, objects, startedAt)
    const { namespace, workload } = owner
    const found = objects.get(scale.definition.namespaced ? `${namespace}/${workload}` : workload)
    return found === undefined ? 'missing' : sizeOf(found.replicas)
  }

  function notYet(what: string, of: Mirror<unknown>, since: number): Told {
    if (of.failure !== null) return unscaled(`${what} cannot be followed now: ${messageOf(of.failure)}`)
    return monotonicMs() - since < SETTLED_WITHIN_MS ? 'starting' : unscaled(`${what}: not listed yet`)
  }

  async function settled(owner: Owner, apiVersion: string): Promise<void> {
    while (told(owner, apiVersion) === 'starting') await clock.sleep(LOOK_MS)
  }

  async function read(owner: Owner, apiVersion: string): Promise<Workload> {
    await settled(owner, apiVersion)
    const all = known()
    if (!all.isSynced) throw new Fault('the custom resource definitions are not listed yet', { retryable: true })
    const scale = scaleOf(all.values(), owner.kind, apiVersion)
    if (!isScale(scale)) return scale
    const path = objectPath(scale, owner.namespace, owner.workload)
    try {
      const { body } = await transport.request<RawObject>({ method: 'GET', path })
      return sizeOf(replicasAt(body, scale.replicasPath))
    } catch (error) {
      // Whoever told no group may have meant another kind: nothing is released for a workload that is missing here (R10).
      if (isNotFound(error, owner.workload)) return apiVersion === '' ? UNLOOKED : GONE
      if (isForbidden(error)) return unscaled(`floatip may not read it: ${messageOf(error)}`)
      throw error
    }
  }

  async function list(owner: Owner, apiVersion: string): Promise<ReadonlyMap<string, Workload> | null> {
    const now = told(owner, apiVersion)
    const scale = scaleOf(known().values(), owner.kind, apiVersion)
    if (now === 'starting' || !isScale(scale) || (now !== 'missing' && now.state === 'unscaled')) return null
    const pick = (raw: RawObject) => [objectKey(raw), sizeOf(replicasAt(raw, scale.replicasPath))] as const
    return new Map((await listAll(transport, collectionPath(scale), { quorum: true, pick })).items)
  }

  return {
    told,
    settled,
    read,
    list,
    rest() {
      const now = monotonicMs()
      for (const [key, { askedAt }] of wanted) if (now - askedAt >= UNUSED_AFTER_MS) wanted.delete(key)
      if (definitions !== null) align()
    },
    mirrors: () => [...followed].map(([path, { objects }]) => [path.slice('/apis/'.length), objects] as const),
    start(to) {
      listeners = to
    },
    async stop() {
      stopped = true
      const mirrors = [...followed.values()].map(({ objects }) => objects.stop())
      log.debug({ kinds: followed.size }, 'custom workloads are no longer followed')
      await Promise.all([definitions?.stop(), ...mirrors, ...leaving])
    },
  }
}

function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403
}

/** The same kind of the same definition, read in the same way. */
function isSame(a: Scale | undefined, b: Scale): boolean {
  if (a === undefined || a.replicasPath !== b.replicasPath) return false
  return a.definition.uid === b.definition.uid && a.definition.namespaced === b.definition.namespaced
}

/** As owner keys name it. */
function keyKind({ kind }: Definition): string {
  return kind === 'statefulset' ? STATEFUL_SET : kind
}
