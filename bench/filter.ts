/** Owns the suite `filter`: what one filter call costs in the process itself, for few and for 5,000 node names. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filteringOn } from '../src/app/filter.ts'
import { readyGate } from '../src/app/gate.ts'
import type { Ports } from '../src/app/ports.ts'
import { waitingList } from '../src/app/waiting.ts'
import { createCore } from '../src/core/wasm.ts'
import { readEntries } from '../src/domain/configuration.ts'
import { geometryOf } from '../src/domain/geometry.ts'
import { extenderApp } from '../src/http/extender.ts'
import { type NodeFact, nodeFact, type RawNode } from '../src/kube/node.ts'
import { podFact, type RawPod } from '../src/kube/pod.ts'
import { openLedger } from '../src/ledger/ledger.ts'
import { stateOf } from '../src/ledger/state.ts'
import { assert } from '../src/lib/assert.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { journalOf } from '../src/store/journal.ts'
import { openLedgerFile } from '../src/store/open.ts'
import { median } from './lib/median.ts'
import { writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

const NODE_COUNTS = [40, 500, 5_000]
const SUBNETS = 32
const CALLS = 200

export async function filterSuite(): Promise<boolean> {
  const results = []
  for (const nodes of NODE_COUNTS) results.push(await measure(nodes))
  const rows = results.map(r => [String(r.nodes), r.bodyKb.toFixed(0), r.p50Ms.toFixed(3), r.p99Ms.toFixed(3)])
  console.log(`one filter (JSON in, decision, JSON out; NodeNames form), ${SUBNETS} node subnets`)
  console.log(table(['nodes', 'request kB', 'p50 ms', 'p99 ms'], rows))
  console.log(writeReport('filter', { calls: CALLS, results }))
  return true
}

async function measure(nodes: number) {
  const dir = mkdtempSync(join(tmpdir(), 'floatip-bench-'))
  const file = openLedgerFile(dir)
  const names = Array.from({ length: nodes }, (_, at) => `node-${at}.example`)
  const app = compose(file, names)
  const body = JSON.stringify({ Pod: pod(0), Nodes: null, NodeNames: names })
  const latencies: number[] = []
  for (let at = 0; at < CALLS * 2; at++) {
    const text = JSON.stringify({ Pod: pod(at), Nodes: null, NodeNames: names })
    const request = new Request('http://bench.local/v1/filter', { method: 'POST', body: text })
    const before = performance.now()
    const reply = await app.handle(request)
    const answer = (await reply.json()) as { Error: string; NodeNames: string[] }
    // The first half warms up.
    if (at >= CALLS) latencies.push(performance.now() - before)
    assert(answer.Error === '' && answer.NodeNames.length === nodes, 'every node fits')
  }
  file.close()
  rmSync(dir, { recursive: true })
  latencies.sort((a, b) => a - b)
  return {
    nodes,
    bodyKb: body.length / 1000,
    p50Ms: median(latencies),
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
  }
}

/** The real path from the port to the rules; only the mirror of nodes is filled by hand. */
function compose(file: ReturnType<typeof openLedgerFile>, names: readonly string[]) {
  const reading = readEntries(
    Array.from({ length: SUBNETS }, (_, at) => ({
      nodeSubnets: [`10.49.${at}.0/24`],
      ips: [`10.${64 + at}.0.2~10.${64 + at}.15.254`],
      subnet: `10.${64 + at}.0.0/20`,
      gateway: `10.${64 + at}.0.1`,
    })),
  )
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
  const mirror = new Map<string, NodeFact>(
    names.map((name, at) => {
      const addresses = [{ type: 'InternalIP', address: `10.49.${at % SUBNETS}.${1 + (at % 250)}` }]
      return [name, nodeFact({ metadata: { name, uid: name, resourceVersion: '1' }, status: { addresses } })]
    }),
  )
  const ports = {
    ledger,
    clock: systemClock,
    log: silentLog,
    cluster: { nodes: mirror, factsVersion: 1 },
  } as unknown as Ports
  const gate = readyGate({ isLeader: () => true, standing: '' })
  gate.opened()
  const waiting = waitingList()
  const holds = { renew() {}, settle() {}, stop() {}, endsAt: () => null, ended() {}, isOver: () => false }
  return extenderApp({
    gate,
    filtering: filteringOn(ports, waiting, holds, { told() {} }),
    binding: { bind: () => Promise.resolve(null) },
    waking: { heard() {}, answered() {} },
    read: { pod: raw => podFact(raw as RawPod), node: raw => nodeFact(raw as RawNode) },
    log: silentLog,
    podNow: () => Promise.resolve(null),
    legacyFailedNodes: false,
  })
}

function pod(at: number): RawPod {
  return {
    metadata: { name: `p-${at}`, namespace: 'bench', uid: `u-${at}`, resourceVersion: '1' },
    spec: { containers: [{ resources: { requests: { 'tke.cloud.tencent.com/eni-ip': '1' } } }] },
    status: { phase: 'Pending' },
  }
}
