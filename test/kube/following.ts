/** Owns the stage of the mirror's tests: a scripted server, and a mirror all of whose words are noted. */
import { afterEach, beforeEach } from 'bun:test'
import { type Change, type Mirror, type MirrorOptions, mirror } from '../../src/kube/mirror.ts'
import type { Transport } from '../../src/kube/transport.ts'
import { type Answer, type Asked, type FakeApi, fakeApi, type Out } from './api-server.ts'
import { makeCerts } from './certs.ts'
import { connectTo, kubeconfig } from './fixtures.ts'

export const path = '/api/v1/things'
export let server: FakeApi
let api: Transport
let followed: Mirror<string> | undefined

/** To be called once by each file of tests. */
export function stage() {
  const certs = makeCerts()
  beforeEach(async () => {
    server = await fakeApi(certs)
    api = connectTo(kubeconfig(certs, server.url, {})).api
  })
  afterEach(async () => {
    await followed?.stop()
    followed = undefined
    await server.stop()
  })
}

export async function until(what: () => boolean) {
  while (!what()) await Bun.sleep(1)
}

/** Answers lists and watches in the order given; the last of each is given again and again. */
export function script({ lists, watches }: { lists: Answer[]; watches: ((out: Out) => void)[] | Answer[] }) {
  let listed = 0
  let watched = 0
  server.answer = ({ query }) => {
    if (!query.has('watch')) return lists[Math.min(listed++, lists.length - 1)] as Answer
    const next = watches[Math.min(watched++, watches.length - 1)] ?? (() => {})
    return typeof next === 'function' ? { stream: next } : next
  }
}

export interface Followed {
  readonly it: Mirror<string>
  readonly told: string[]
  readonly states: string[]
  readonly logged: string[]
  readonly sleeps: number[]
  readonly failures: unknown[]
}

export function follow(more: Partial<MirrorOptions<string>> = {}): Followed {
  const told: string[] = []
  const states: string[] = []
  const logged: string[] = []
  const sleeps: number[] = []
  const failures: unknown[] = []
  const write = (level: string) => (_: object, message: string) => void logged.push(`${level} ${message}`)
  const it = mirror<string>({
    transport: api,
    path,
    pick: raw => `${raw.metadata.name}/${raw.metadata.uid}`,
    onChange: change => told.push(words(change)),
    onFailure: thrown => failures.push(thrown),
    onState: state => states.push(state),
    log: { debug() {}, info: write('info'), warn: write('warn'), error: write('error') },
    clock: {
      async sleep(ms) {
        sleeps.push(ms)
        await Bun.sleep(1)
      },
    },
    random: () => 0.5,
    ...more,
  })
  followed = it
  it.start()
  return { it, told, states, logged, sleeps, failures }
}

function words(change: Change<string>): string {
  switch (change.kind) {
    case 'seen':
      return `seen ${change.before ?? '-'} ${change.after}`
    case 'deleted':
      return `deleted ${change.last}`
    default:
      return `${change.kind} ${change.before}`
  }
}

export const lists = () => server.asked.filter(one => !one.query.has('watch'))
export const watches = () => server.asked.filter(one => one.query.has('watch'))
export const versions = (asked: Asked[]) => asked.map(one => one.query.get('resourceVersion'))
