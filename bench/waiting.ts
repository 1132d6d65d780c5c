/** Owns the suite `waiting`: what 5,000 pods that wait cost, while the scheduler asks for all of them again after each bind of any pod. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filteringOn } from '../src/app/filter.ts'
import { readyGate } from '../src/app/gate.ts'
import type { Ports } from '../src/app/ports.ts'
import { waitingList } from '../src/app/waiting.ts'
import { wakingOf } from '../src/app/waking.ts'
import { createCore } from '../src/core/wasm.ts'
import { readEntries } from '../src/domain/configuration.ts'
import type { Demand } from '../src/domain/demand.ts'
import { geometryOf } from '../src/domain/geometry.ts'
import { isRefusal } from '../src/domain/refusal.ts'
import { extenderApp } from '../src/http/extender.ts'
import { type NodeFact, nodeFact, type RawNode } from '../src/kube/node.ts'
import { type PodFact, podFact, type RawPod } from '../src/kube/pod.ts'
import { openLedger } from '../src/ledger/ledger.ts'
import { stateOf } from '../src/ledger/state.ts'
import { assert, present } from '../src/lib/assert.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { journalOf } from '../src/store/journal.ts'
import { openLedgerFile } from '../src/store/open.ts'
import { median } from './lib/median.ts'
import { writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

const WAITING = 5_000
const NODES = 40
/** Addresses of the full subnet, all in use, and of another one where pods are bound meanwhile. */
const FULL = 1_000
const BINDS = 10
const HTTP_AT_ONCE = 16

export async function waitingSuite(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'floatip-bench-'))
  const file = openLedgerFile(folder)
  const bench = openBench(file)
  try {
    await bench.fill()
    const rows: [string, Measured][] = []
    const note = (what: string, measured: Measured) => void rows.push([what, measured])
    await bench.askAll()
    note('asked again, nothing changed', await bench.askAll())
    note(`asked again after each of ${BINDS} binds of others`, await repeated(BINDS, bench.bindElsewhere, bench.askAll))
    note('asked again after an address came free and was taken', await repeated(BINDS, bench.freeAndTake, bench.askAll))
    note('asked again over HTTP, nothing changed', await bench.askAllOverHttp())
    console.log(`${WAITING} pods wait for a full subnet of ${FULL} addresses; ${NODES} node names in each call`)
    console.log(
      table(
        ['what', 'us a call', 'decisions a call', 'ms for all'],
        rows.map(([what, { us, decisions }]) => [
          what,
          us.toFixed(1),
          decisions.toFixed(2),
          ((us * WAITING) / 1_000).toFixed(0),
        ]),
      ),
    )
    const wakes = []
    for (const count of [1, 1, 1, 500]) wakes.push(await bench.release(count))
    console.log(
      table(
        ['addresses freed at once', 'pods woken', 'until the first, ms', 'event loop held, ms'],
        wakes.map(({ freed, woken, firstMs, heldMs }) => [
          ...[String(freed), String(woken), firstMs.toFixed(0), heldMs.toFixed(1)],
        ]),
      ),
    )
    console.log(writeReport('waiting', { waiting: WAITING, nodes: NODES, rows, wakes }))
    const [unchanged, afterBinds] = rows.map(([, measured]) => measured.decisions)
    return wakes.every(({ freed, woken }) => freed === woken) && unchanged === 0 && afterBinds === 0
  } finally {
    await bench.close()
    file.close()
    rmSync(folder, { recursive: true })
  }
}

interface Measured {
  readonly us: number
  /** Share of the calls for which the rules were asked. */
  readonly decisions: number
}

/** The median of what `measure` says after each `before`. */
async function repeated(
  times: number,
  before: () => Promise<void>,
  measure: () => Promise<Measured>,
): Promise<Measured> {
  const found: Measured[] = []
  for (let n = 0; n < times; n++) {
    await before()
    found.push(await measure())
  }
  return { us: median(found.map(({ us }) => us)), decisions: median(found.map(({ decisions }) => decisions)) }
}

/** Everything between the port and the disk; only the mirror of nodes and the call that wakes are filled in by hand. */
function openBench(file: ReturnType<typeof openLedgerFile>) {
  const reading = readEntries([
    {
      nodeSubnets: ['10.49.0.0/24'],
      ips: [`10.64.0.2~10.64.3.${FULL - 767}`],
      subnet: '10.64.0.0/20',
      gateway: '10.64.0.1',
    },
    { nodeSubnets: ['10.50.0.0/24'], ips: ['10.65.0.2~10.65.15.254'], subnet: '10.65.0.0/20', gateway: '10.65.0.1' },
  ])
  assert(reading.ok, 'the configuration is valid')
  const journal = journalOf(file.db)
  const ledger = openLedger({
    journal,
    geometry: geometryOf(reading.configuration.entries),
    recover(of) {
      const { rows, revision } = journal.load()
      return { state: stateOf(of, createCore(of.entries.map(entry => entry.size)), rows), revision }
    },
    onBug(bug) {
      throw bug
    },
  })
  const names = Array.from({ length: NODES }, (_, at) => `node-${at}.example`)
  const mirror = new Map<string, NodeFact>(
    [...names, 'elsewhere'].map((name, at) => {
      const address = name === 'elsewhere' ? '10.50.0.1' : `10.49.0.${at + 1}`
      const status = { addresses: [{ type: 'InternalIP', address }] }
      return [name, nodeFact({ metadata: { name, uid: name, resourceVersion: '1' }, status })]
    }),
  )
  const woken: { uid: string; at: number }[] = []
  const ports = {
    ledger,
    clock: systemClock,
    log: silentLog,
    cluster: { nodes: mirror, factsVersion: 1 },
    calls: {
      touchPod({ uid }: { uid: string }) {
        woken.push({ uid, at: performance.now() })
        return Promise.resolve(pods.get(uid) ?? null)
      },
    },
  } as unknown as Ports
  const waiting = waitingList()
  let decisions = 0
  const recall = waiting.recall
  waiting.recall = (...question) => {
    const known = recall(...question)
    if (known === null) decisions++
    return known
  }
  const holds = { renew() {}, settle() {}, stop() {}, endsAt: () => null, ended() {}, isOver: () => false }
  const filtering = filteringOn(ports, waiting, holds, { told() {} })
  const waking = wakingOf({ ...ports, waiting, freshValue: () => String(woken.length) })
  const gate = readyGate({ isLeader: () => true, standing: '' })
  gate.opened()
  const app = extenderApp({
    gate,
    filtering,
    binding: { bind: () => Promise.resolve(null) },
    waking,
    read: { pod: raw => podFact(raw as RawPod), node: raw => nodeFact(raw as RawNode) },
    log: silentLog,
    podNow: () => Promise.resolve(null),
    legacyFailedNodes: false,
  })
  app.listen({ hostname: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${app.server?.port}/v1/filter`

  const raws = Array.from({ length: WAITING }, (_, at) => rawPod(`w-${at}`, at))
  const pods = new Map<string, PodFact>(raws.map(raw => [raw.metadata.uid, podFact(raw)]))
  const asked = names.map(name => ({ name, addresses: null }))
  let serial = 0
  const inUse: string[] = []

  async function bind(node: string): Promise<string> {
    const uid = `used-${++serial}`
    const group = present(
      ledger.read(view => view.geometry.groupOf(present(mirror.get(node), 'node').addresses)),
      'group',
    )
    const bound = await ledger.submit('bind', { at: serial, demand: demandOf(uid), node, group })
    assert(!isRefusal(bound), 'there is an address')
    return uid
  }

  async function end(uid: string): Promise<void> {
    const command = {
      at: 0,
      incarnation: uid,
      workload: { state: 'unlooked' } as const,
      rests: false,
      because: 'bench',
    }
    await ledger.submit('unbind', command)
  }

  const take = (list: string[]) => present(list.pop(), 'a pod that runs')

  return {
    async fill() {
      for (let n = 0; n < FULL; n++) inUse.push(await bind(present(names[0], 'node')))
    },
    async bindElsewhere() {
      await bind('elsewhere')
    },
    async freeAndTake() {
      await end(take(inUse))
      inUse.push(await bind(present(names[0], 'node')))
    },
    async askAll(): Promise<Measured> {
      decisions = 0
      const began = performance.now()
      for (const pod of pods.values()) {
        const verdicts = await filtering.filter(pod, asked)
        assert(
          verdicts.every(verdict => verdict !== null),
          'all are refused',
        )
      }
      return { us: ((performance.now() - began) * 1_000) / WAITING, decisions: decisions / WAITING }
    },
    async askAllOverHttp(): Promise<Measured> {
      const bodies = raws.map(Pod => JSON.stringify({ Pod, Nodes: null, NodeNames: names }))
      decisions = 0
      const began = performance.now()
      let next = 0
      const lane = async () => {
        for (let at = next++; at < bodies.length; at = next++) {
          const headers = { 'content-type': 'application/json' }
          const reply = await fetch(url, { method: 'POST', headers, body: present(bodies[at], 'a body') })
          assert(((await reply.json()) as { Error: string }).Error === '', 'no error')
        }
      }
      await Promise.all(Array.from({ length: HTTP_AT_ONCE }, lane))
      return { us: ((performance.now() - began) * 1_000) / WAITING, decisions: decisions / WAITING }
    },
    /** So many pods end at once; then those woken ask, are bound, and the subnet is full again. */
    async release(count: number) {
      woken.length = 0
      const ended = inUse.splice(-count)
      let heldMs = 0
      let last = performance.now()
      const probe = setInterval(() => {
        heldMs = Math.max(heldMs, performance.now() - last - 1)
        last = performance.now()
      }, 1)
      const began = performance.now()
      await Promise.all(ended.map(end))
      await Bun.sleep(400)
      clearInterval(probe)
      const result = { freed: count, woken: woken.length, firstMs: (woken[0]?.at ?? Number.NaN) - began, heldMs }
      for (const { uid } of woken) {
        waking.heard(uid)
        waking.answered(uid, true)
      }
      for (let n = 0; n < count; n++) inUse.push(await bind(present(names[0], 'node')))
      await Bun.sleep(1_200)
      await this.askAll()
      return result
    },
    async close() {
      waking.stop()
      await app.stop()
      ledger.close()
    },
  }
}

function rawPod(name: string, age: number): RawPod {
  const creationTimestamp = new Date(1_790_000_000_000 + age * 1_000).toISOString()
  return {
    metadata: { name, namespace: 'bench', uid: name, resourceVersion: '1', creationTimestamp },
    spec: { containers: [{ resources: { requests: { 'tke.cloud.tencent.com/eni-ip': '1' } } }] },
    status: { phase: 'Pending' },
  }
}

function demandOf(uid: string): Demand {
  return {
    pod: { namespace: 'bench', name: uid, uid },
    owner: { pool: '', kind: 'NULL', namespace: 'bench', workload: 'NULL', pod: uid },
    apiVersion: '',
    policy: 0,
    request: [],
    workload: { state: 'unlooked' },
    poolSize: null,
    problem: null,
  }
}
