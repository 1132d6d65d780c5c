/** Owns what people are told by Events about addresses: given, kept, released, waited for, refused, claimed twice, found. Nothing waits for it. */
import type { Committed } from '../domain/change.ts'
import type { PodRef } from '../domain/demand.ts'
import type { Owner } from '../domain/owner.ts'
import type { EventType, Regarding } from '../kube/event-series.ts'
import type { Events } from '../kube/events.ts'
import type { PodFact } from '../kube/pod.ts'
import { isStillTheirs } from '../rules/rest.ts'
import type { Reasons } from './filter.ts'
import type { Ports } from './ports.ts'
import { subjectsOf } from './subjects.ts'
import { isForItsAuthor, originText, waitText } from './telling-words.ts'

/** Every reason of ours, and its type; docs/reference/events.md says what each means. */
export const EVENTS = {
  AddressAllocated: 'Normal',
  AddressKept: 'Normal',
  AddressReleased: 'Normal',
  AddressAdopted: 'Normal',
  WaitingForAddress: 'Warning',
  AddressRefused: 'Warning',
  AddressConflict: 'Warning',
} as const satisfies Record<string, EventType>

type Reason = keyof typeof EVENTS

/** Changes come in bursts (a scale-down of 500): one Event for what happens to one workload in this time and for one cause. */
const GATHER_MS = 500
/** Addresses named in one Event. */
const NAMED_MAX = 3
/** The scheduler may see the old pod's end some milliseconds before us and ask for the next: a wait that is over by then is no news. */
const BRIEF_MS = 1_000
/** Claims whose pods have not been seen bound yet: as many as a big cluster binds in a minute. */
const CLAIMS_MAX = 20_000

export interface Telling {
  /** It begins to wait, or waits for another kind of reason. */
  waits(pod: PodFact, reasons: Reasons): void
  /** It was seen on its node. */
  bound(pod: PodFact): void
  /** It carries an address that another one has. */
  conflict(pod: PodRef, because: string): void
  stop(): void
}

export interface TellingParts extends Pick<Ports, 'ledger' | 'cluster' | 'clock'> {
  readonly events: Pick<Events, 'tell'>
  /** False before we are ready: what a start finds is no news. */
  readonly speaks: () => boolean
}

interface Gathered {
  readonly regarding: Regarding
  readonly reason: Reason
  readonly because: string
  readonly addresses: Set<string>
  readonly pods: Set<string>
}

export function tellingOn({ ledger, cluster, clock, events, speaks }: TellingParts): Telling {
  const subjects = subjectsOf(cluster)
  /** By pod UID: where the claimed address came from. */
  const claims = new Map<string, string>()
  /** By pod UID: what it waits for, if it still does in a moment. */
  const brief = new Map<string, string>()
  const gathered = new Map<string, Gathered>()
  const stopping = new AbortController()
  let gathering = false

  ledger.onCommit(changes => {
    const talks = speaks()
    for (const change of changes) {
      followClaims(change)
      if (talks) note(change)
    }
  })

  function followClaims({ verb, before, after }: Committed): void {
    if (verb === 'bind' && after?.incarnation != null) {
      brief.delete(after.incarnation)
      if (claims.size >= CLAIMS_MAX) claims.clear()
      claims.set(after.incarnation, originText(after))
    } else if (before?.incarnation != null && after?.incarnation !== before.incarnation)
      claims.delete(before.incarnation)
  }

  function note(change: Committed): void {
    const { verb, before, after, because } = change
    switch (verb) {
      case 'keep':
        if (after !== null) gather(subjects.ofKept(after), 'AddressKept', change, before?.owner ?? null, because)
        return
      case 'rest':
      case 'free':
      case 'release':
      case 'unreserve':
        // What rests was told to be released when it began to.
        if (before === null || before.blocked || before.phase === 'resting' || isStillTheirs(change)) return
        gather(subjects.ofKept(before), 'AddressReleased', change, before.owner, because)
        return
      case 'adopt':
        if (after === null || after.blocked) return
        gather(subjects.ofRow(after), 'AddressAdopted', change, after.owner, because)
        return
      // A hold is between filter and bind; what a person asked for, they know; a claim is told when its pod is seen bound.
      case 'hold':
      case 'bind':
      case 'give back':
      case 'reserve':
      case 'settle':
    }
  }

  function gather(
    regarding: Regarding,
    reason: Reason,
    { address }: Committed,
    owner: Owner | null,
    because: string,
  ): void {
    const key = [regarding.kind, regarding.namespace, regarding.name, regarding.uid ?? '', reason, because].join('\n')
    const known = gathered.get(key) ?? {
      regarding,
      reason,
      because,
      addresses: new Set<string>(),
      pods: new Set<string>(),
    }
    known.addresses.add(address.text)
    if (owner !== null && owner.pod !== '') known.pods.add(owner.pod)
    gathered.set(key, known)
    if (gathering) return
    gathering = true
    void clock.sleep(GATHER_MS, stopping.signal).then(() => {
      gathering = false
      if (!stopping.signal.aborted) for (const each of gathered.values()) say(each.regarding, each.reason, textOf(each))
      gathered.clear()
    })
  }

  function briefly(pod: PodFact, reason: Reason, text: string): void {
    brief.set(pod.uid, text)
    void clock.sleep(BRIEF_MS, stopping.signal).then(() => {
      if (brief.get(pod.uid) !== text || stopping.signal.aborted) return
      brief.delete(pod.uid)
      say(subjects.ofPod(pod), reason, text)
    })
  }

  function say(regarding: Regarding, reason: Reason, message: string): void {
    events.tell(regarding, EVENTS[reason], reason, message)
  }

  return {
    waits(pod, reasons) {
      const [first] = reasons
      const reason = reasons.every(isForItsAuthor) ? 'AddressRefused' : 'WaitingForAddress'
      const texts = new Set(reasons.map(each => waitText(each, pod)))
      const more = texts.size > NAMED_MAX ? '; and others' : ''
      const text = texts.size === 1 ? waitText(first, pod) : `${[...texts].slice(0, NAMED_MAX).join('; ')}${more}`
      if (first.code === 'waiting-for-old-pod') return briefly(pod, reason, text)
      brief.delete(pod.uid)
      say(subjects.ofPod(pod), reason, text)
    },
    bound(pod) {
      subjects.seen(pod)
      const origin = claims.get(pod.uid)
      if (origin === undefined) return
      claims.delete(pod.uid)
      const addresses = ledger.read(view => view.ofIncarnation(pod.uid)).map(row => row.address.text)
      if (addresses.length === 0 || !speaks()) return
      say(subjects.ofPod(pod), 'AddressAllocated', `has ${addresses.join(', ')} on node ${pod.node}: ${origin}`)
    },
    conflict: (pod, because) => say(subjects.ofPod(pod), 'AddressConflict', because),
    stop: () => stopping.abort(),
  }
}

function textOf({ reason, addresses, pods, because }: Gathered): string {
  const named = [...addresses].slice(0, NAMED_MAX).join(', ')
  const more = addresses.size > NAMED_MAX ? ` and ${addresses.size - NAMED_MAX} more` : ''
  const [pod] = pods
  const whose = pods.size === 1 ? ` of pod ${pod}` : ''
  const did = { AddressKept: 'keeps', AddressReleased: 'released', AddressAdopted: 'recorded' }[reason as 'AddressKept']
  return `${did} ${named}${more}${whose}: ${because}`
}
