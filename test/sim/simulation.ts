/** Owns one run: a seed, a number of steps, and what was broken at which of them. */
import { rmSync } from 'node:fs'
import { geometryOf } from '../../src/domain/geometry.ts'
import { openTestLedger, tempDir } from '../ledger/fixture.ts'
import { ip, told } from '../rules/world.ts'
import { auditorOf, Broken } from './auditor.ts'
import { clusterOf, type SimWorkload } from './cluster.ts'
import { leaderOf } from './leader.ts'
import { randomOf } from './random.ts'
import { replicaOf } from './replica.ts'

import { groupsOfNodes, NODE_NAMES, REST_STEPS, SIM_ENTRIES, SIM_SHAPES, simWorkloads } from './world.ts'

const WEIGHTS = {
  reconcile: 30,
  filter: 24,
  bind: 24,
  post: 24,
  binding: 24,
  end: 14,
  rested: 6,
  evict: 8,
  scale: 3,
  toggle: 0.6,
  roll: 3,
  expire: 5,
  giveBack: 6,
  follow: 3,
  poolSize: 1.5,
  reshape: 0.5,
  replicate: 10,
  resync: 1,
  release: 0.5,
  reserve: 0.6,
  unreserve: 0.6,
  disk: 2,
  crash: 0.4,
}

export type Deed = keyof typeof WEIGHTS

export interface Run {
  readonly steps: number
  /** Null: nothing was broken. */
  readonly broken: string | null
  /** The last deeds and changes, for whoever looks for the cause. */
  readonly deeds: readonly string[]
  readonly counts: Readonly<Record<string, number>>
}

const LINES_KEPT = 40
/** All late news arrive now and then, and what must be true at rest is looked at. */
const REST_EVERY = 500
/** Prints every line that contains this (an address, an owner key), to follow one story. */
const TRACE = process.env.FLOATIP_TRACE

export async function simulate(seed: number, steps: number): Promise<Run> {
  const random = randomOf(seed)
  const cluster = clusterOf(random, simWorkloads())
  const replica = replicaOf()
  const auditor = auditorOf(cluster)
  const counts: Record<string, number> = {}
  const deeds: string[] = []
  let step = 0
  let entries: (typeof SIM_SHAPES)[number] = SIM_ENTRIES
  let t = open()
  let groups = groupsOfNodes(t.ledger.read(view => view.geometry))
  let leader = lead()

  function open(dir = tempDir()) {
    const opened = openTestLedger({ dir, entries })
    opened.ledger.onCommit(auditor.hear)
    opened.ledger.onCommit(changes => {
      for (const change of changes) {
        counts[change.verb] = (counts[change.verb] ?? 0) + 1
        if (change.after?.surge && !change.before?.surge) counts.lend = (counts.lend ?? 0) + 1
        tell(
          `  ${change.verb} ${change.address.text} -> ${change.after === null ? 'free' : told(change.after)}: ${change.because}`,
        )
      }
    })
    return opened
  }

  function tell(line: string): void {
    if (TRACE !== undefined && line.includes(TRACE)) console.log(line)
    deeds.push(line)
    if (deeds.length > LINES_KEPT) deeds.shift()
  }

  function lead() {
    groups = groupsOfNodes(t.ledger.read(view => view.geometry))
    return leaderOf({ t, cluster, replica, auditor, groups: () => groups, random, now: () => step })
  }

  const onWorkload = (act: (workload: SimWorkload) => void) => {
    const workload = random.pick(cluster.workloads)
    if (workload !== undefined) act(workload)
  }

  const acts: Record<Deed, () => void> = {
    reconcile: () => onWorkload(cluster.reconcile),
    scale: () => onWorkload(workload => cluster.scale(workload, random.below(5))),
    toggle: () => onWorkload(cluster.toggle),
    roll() {
      const workload = random.pick(cluster.workloads.filter(each => each.surge > 0))
      if (workload === undefined) return
      cluster.roll(workload)
      if (!workload.rolling) leader.follow(workload) // the watch tells
      for (let deed = 0; deed < 4; deed++) cluster.reconcile(workload)
    },
    follow: () => onWorkload(workload => leader.follow(workload)),
    evict() {
      const pod = random.pick([...cluster.pods.values()])
      if (pod === undefined) return
      if (pod.finished || random.chance(0.7)) cluster.remove(pod, random.chance(0.3))
      else cluster.finish(pod, random.chance(0.2))
    },
    filter: () => leader.filterSome(),
    bind: () => leader.bindSome(),
    post: () => leader.postSome(),
    binding: () => leader.deliverBinding(),
    end: () => leader.deliverEnd(),
    rested: () => leader.endRests(REST_STEPS),
    expire: () => leader.expireSome(),
    giveBack: () => leader.giveBackSome(2),
    replicate: () => replica.writeSome(t, 1 + random.below(5)),
    resync: () => leader.resync(),
    release: () => leader.releaseOne(),
    poolSize() {
      if (random.chance(0.2)) cluster.sizes.delete('sized')
      else cluster.sizes.set('sized', random.below(7))
      leader.resizePools(random.chance(0.3))
    },
    reshape() {
      entries = random.pick(SIM_SHAPES) ?? SIM_ENTRIES
      const geometry = geometryOf(entries)
      t.disk.failLoad = 0
      t.ledger.reshape(geometry)
      groups = groupsOfNodes(geometry)
      cluster.reshape(text => geometry.slotOf(ip(text)) !== null)
      counts.reshape = (counts.reshape ?? 0) + 1
      leader.sweepOrphans()
    },
    reserve: () => onWorkload(workload => leader.reserveFor(random.chance(0.3) ? null : workload, step)),
    unreserve: () => leader.unreserveOne(),
    disk() {
      t.disk.failCommit = random.below(3)
      t.disk.failAppend = random.below(4)
      t.disk.failLoad = random.chance(0.2) ? 1 : 0
      t.disk.loseCommit = random.chance(0.2)
    },
    crash() {}, // after the step, see below
  }

  /** Everything but the file is lost, or the file too, or the cluster; serving begins when objects and pods are adopted. */
  async function crash(): Promise<void> {
    counts.crash = (counts.crash ?? 0) + 1
    const { dir } = t
    tell('  crash')
    t.file.close()
    replica.forget()
    const fileLost = random.chance(0.3)
    if (fileLost) rmSync(dir, { recursive: true, force: true })
    const moved = !fileLost && random.chance(0.2)
    if (moved) moveAway()
    else if (random.chance(0.3)) boundElsewhere(fileLost)
    t = open(dir)
    auditor.begin()
    auditor.doubt()
    auditor.believe(t)
    leader = lead()
    if (fileLost) {
      auditor.forget(replica.objects)
      leader.adoptObjects()
    }
    if (moved) leader.forgetAll()
    await leader.decided()
    const untimely = fileLost ? replica.untimely(t) : null
    if (untimely !== null) throw new Broken(untimely)
    if (moved) arrive()
    leader.resync()
    await leader.decided()
    auditor.begin()
  }

  /** The data directory goes to another cluster (decision 0022): nothing of this one is there. */
  function moveAway(): void {
    counts.move = (counts.move ?? 0) + 1
    cluster.replace()
    replica.objects.clear()
    auditor.forget(replica.objects)
  }

  /** It has workloads of the same names, whose pods may have the same addresses. */
  function arrive(): void {
    const left = t.ledger.read(view => view.size) + t.ledger.outbox().length
    if (left > 0) throw new Broken(`${left} rows and changes of another cluster are left`)
    for (let deed = 0; deed < 20; deed++) onWorkload(cluster.reconcile)
    boundElsewhere(true)
  }

  /** While we were away another leader bound a pod, with an address that nobody has. */
  function boundElsewhere(fileLost: boolean): void {
    const taken = new Set([...replica.objects.keys(), ...cluster.bindings.flatMap(each => each.addresses)])
    for (const each of cluster.pods.values()) for (const address of each.addresses) taken.add(address)
    if (!fileLost) for (const address of auditor.rows.keys()) taken.add(address)
    const pod = [...cluster.pods.values()].find(
      each => each.node === null && !each.finished && each.workload.policy === 0,
    )
    const address = SIM_ENTRIES[1]?.ranges[0]?.first.text ?? ''
    if (pod !== undefined && !taken.has(address)) cluster.place(pod, 'b1', [address])
  }

  /** All late news arrive, the disk is good, everything is looked at: what is left must be right. */
  async function rest(): Promise<void> {
    auditor.begin()
    for (const workload of cluster.workloads) workload.rolling = false
    Object.assign(t.disk, { failCommit: 0, failAppend: 0, failLoad: 0, loseCommit: false })
    while (cluster.bindings.length > 0) leader.deliverBinding()
    while (cluster.ends.length > 0) leader.deliverEnd()
    await leader.decided()
    auditor.forget(new Map())
    leader.endRests(0)
    await leader.decided()
    for (let round = 0; round < 3; round++) {
      leader.resync()
      await leader.decided()
      for (const workload of cluster.workloads) leader.follow(workload)
      leader.resizePools()
      leader.sweepOrphans()
      await leader.decided()
    }
    leader.endRests(0)
    await leader.decided()
    auditor.look(t)
    auditor.atRest()
  }

  let broken: string | null = null
  try {
    for (; step < steps; step++) {
      const chosen = Array.from({ length: 1 + random.below(4) }, () => random.weighted(WEIGHTS))
      tell(`${step}: ${chosen.join(' ')}`)
      auditor.begin()
      for (const deed of chosen) acts[deed]()
      if (t.disk.loseCommit) auditor.doubt()
      await leader.decided()
      t.disk.failLoad = 0
      auditor.believe(t)
      if (chosen.includes('crash')) await crash()
      auditor.look(t)
      const forgotten = replica.difference(t)
      if (forgotten !== null) throw new Broken(forgotten)
      if (step % REST_EVERY === REST_EVERY - 1) await rest()
    }
    await rest()
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    broken = error.message
  }
  t.ledger.close()
  t.file.close()
  return { steps: step, broken, deeds, counts: { ...counts, nodes: NODE_NAMES.length } }
}
