/** Owns the check: ledger against objects against pods, from fresh quorum lists, each difference with what would mend it. It changes nothing. */
import { type Allocation, knownUid, UNKNOWN_INCARNATION } from '../domain/allocation.ts'
import { ownerKey } from '../domain/owner.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { PodFact } from '../kube/pod.ts'
import type { WallMs } from '../lib/clock.ts'
import { adopt } from '../rules/adopt.ts'
import { type Finding, type FindingKind, finding } from './findings.ts'
import { pacer } from './pace.ts'
import type { Ports } from './ports.ts'
import { isSuspect } from './reconcile.ts'
import { blocks, objectSighting, podSightings } from './sighting.ts'

export interface Checked {
  readonly at: WallMs
  readonly rows: number
  /** Null: replication is off, there are none to compare. */
  readonly objects: number | null
  readonly pods: number
  /** Addresses that changed or were being written meanwhile: not judged. */
  readonly inMotion: number
  readonly findings: readonly Finding[]
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>
}

export interface CheckParts {
  /** Fresh quorum lists. Null: replication is off. */
  readonly listObjects: () => Promise<readonly FloatingIpFact[] | null>
  readonly listPods: () => Promise<readonly PodFact[]>
}

export type Check = () => Promise<Checked>

/** Whoever asks while one is under way gets the same answer: a check reads the whole cluster. */
export function checkOn(ports: Ports, parts: CheckParts): Check {
  let running: Promise<Checked> | null = null
  /** Addresses whose object we wrote since the lists were asked for: these may show it as it was before. */
  const written = new Set<string>()
  ports.replicator.onDone(address => {
    if (running !== null) written.add(address.text)
  })
  return () => {
    running ??= compare(ports, parts, written).finally(() => {
      running = null
      written.clear()
    })
    return running
  }
}

async function compare(
  ports: Ports,
  { listObjects, listPods }: CheckParts,
  written: ReadonlySet<string>,
): Promise<Checked> {
  const { ledger, replicator, clock } = ports
  const asOf = ledger.revision
  const objects = await listObjects()
  const pods = await listPods()
  const at = clock.now()
  const pace = pacer()
  const unfinished = pods.filter(pod => !pod.finished)
  const alive = new Set(unfinished.map(pod => pod.uid))
  const names = new Set(unfinished.map(nameOf))
  const byAddress = new Map<string, FloatingIpFact>()
  for (const fact of objects ?? []) if (fact.address !== null) byAddress.set(fact.address.text, fact)
  const rows = ledger.read(view => [...view.rows()])
  const found = new Map<string, Finding>()
  const note = (each: Finding | null) => {
    // One finding for each address and kind: two claimants are told once, whoever showed them.
    if (each !== null) found.set(`${each.kind} ${each.ip}`, each)
  }
  const isWritten = (address: Address) => replicator.isBusy(address) || written.has(address.text)
  let inMotion = 0

  for (const row of rows) {
    await pace()
    if (row.revision > asOf || isWritten(row.address)) {
      inMotion++
      continue
    }
    if (objects !== null) note(ofObject(row, byAddress.get(row.address.text), alive, replicator.agrees))
    note(ofPod(ports, row, alive, names))
  }
  for (const fact of objects ?? []) {
    await pace()
    if (fact.address === null || !isWritten(fact.address)) note(ofUnknownObject(ports, fact, at, alive))
  }
  const carriers = new Map<string, PodFact>()
  for (const pod of pods) {
    await pace()
    if (pod.node === null || pod.finished) continue
    for (const sighting of podSightings(pod, at, alive)) {
      note(ofCarried(ports, asOf, pod, sighting, carriers.get(sighting.address.text), names))
      carriers.set(sighting.address.text, pod)
    }
    if ((pod.addresses?.length ?? 0) === 0) note(finding.podWithoutAddress(pod))
  }

  const findings = [...found.values()]
  const counts: Partial<Record<FindingKind, number>> = {}
  for (const { kind } of findings) counts[kind] = (counts[kind] ?? 0) + 1
  return { at, rows: rows.length, objects: objects?.length ?? null, pods: pods.length, inMotion, findings, counts }
}

function ofObject(
  row: Allocation,
  fact: FloatingIpFact | undefined,
  alive: ReadonlySet<string>,
  agrees: Ports['replicator']['agrees'],
): Finding | null {
  if (row.blocked) return fact === undefined || !blocks(fact) ? finding.reservationWithoutObject(row) : null
  if (fact === undefined) return finding.missingObject(row)
  if (fact.reserved) return finding.reservedInUse(row)
  if (agrees(fact, row)) return null
  const claimed = fact.podUid !== '' && fact.podUid !== row.incarnation && alive.has(fact.podUid)
  const because = `the object says ${fact.key || 'nothing that can be read'}, the ledger ${ownerKey(row.owner)}`
  return claimed ? finding.twoClaimants(row, because) : finding.objectDiffers(row, because)
}

function ofPod(
  { ledger }: Ports,
  row: Allocation,
  alive: ReadonlySet<string>,
  names: ReadonlySet<string>,
): Finding | null {
  const mayBeThere = knownUid(row) === null && names.has(nameOf({ ...row.owner, name: row.owner.pod }))
  if (isSuspect(row, alive) && !mayBeThere) return finding.rowWithoutPod(row)
  const orphaned = ledger.read(view => view.geometry.slotOf(row.address) === null)
  return orphaned && row.incarnation !== null ? finding.orphanedInUse(row) : null
}

function nameOf({ namespace, name }: Pick<PodFact, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`
}

/** An object that the ledger has no row for, or that nobody can read. */
function ofUnknownObject(
  { ledger }: Ports,
  fact: FloatingIpFact,
  at: WallMs,
  alive: ReadonlySet<string>,
): Finding | null {
  const { address } = fact
  if (address === null)
    return finding.unreadableObject(
      fact,
      'its name is no address (of IPv6 all eight groups, with - for :), so it is ignored',
    )
  const row = ledger.read(view => view.at(address))
  if (blocks(fact) && !fact.reserved && row?.blocked !== false)
    return finding.unreadableObject(fact, `its key or policy cannot be read (key ${JSON.stringify(fact.key)})`)
  const sighting = row === null ? objectSighting(fact, at, alive) : null
  return sighting === null ? null : finding.foreignObject(fact, sighting)
}

function ofCarried(
  { ledger }: Ports,
  asOf: number,
  pod: PodFact,
  sighting: ReturnType<typeof podSightings>[number],
  other: PodFact | undefined,
  names: ReadonlySet<string>,
): Finding | null {
  const name = nameOf(pod)
  const { address } = sighting
  if (other !== undefined)
    return finding.twoClaimants({ address, owner: pod.owner }, `${other.namespace}/${other.name} and ${name} carry it`)
  const row = ledger.read(view => view.at(address))
  if (row !== null && row.revision > asOf) return null
  // Any unfinished pod of that name may be the one (R14).
  const mayBeTheirs =
    row?.incarnation === UNKNOWN_INCARNATION && names.has(nameOf({ ...row.owner, name: row.owner.pod }))
  if (mayBeTheirs && ownerKey(row.owner) !== ownerKey(pod.owner))
    return finding.twoClaimants(row, `${name} carries it, but ${ownerKey(row.owner)} has it`)
  const decision = ledger.read(view => adopt(view, sighting))
  if (isRefusal(decision)) return finding.twoClaimants({ address, owner: pod.owner }, decision.because)
  if (decision.changes.length === 0) return null
  return finding.notRecorded(sighting, name, row)
}
