/** Owns the routes of the check and the repair. */
import { type Static, Type } from '@sinclair/typebox'
import { Elysia, t } from 'elysia'
import type { Check, Checked } from '../app/check.ts'
import { FINDING_KINDS, type Finding } from '../app/findings.ts'
import type { Gate } from '../app/gate.ts'
import type { Repair, Repaired } from '../app/repair.ts'
import { failures, notReady, timeText } from './answers.ts'

/** Findings in an answer; the counts are of all. */
const SHOWN_MAX = 1_000

const findingFields = {
  kind: t.UnionEnum(FINDING_KINDS, { description: 'Stable: compare this in scripts.' }),
  ip: Type.String({ description: 'The address, or the object’s name where that is none; empty: it is about a pod.' }),
  key: Type.Optional(Type.String({ description: 'Owner key.' })),
  because: Type.String({ description: 'What differs.' }),
}

const FindingItem = Type.Object({
  ...findingFields,
  safe: Type.Boolean({ description: 'The repair does something about it.' }),
  remedy: Type.String({ description: 'What the repair does; if it is not safe: why not, or what to do.' }),
})

const RepairedItem = Type.Object({
  ...findingFields,
  state: t.UnionEnum(['would', 'done', 'gone', 'left'], {
    description:
      'would: in a dry run · done · gone: no longer so when it was looked at again · left: not safe, or it failed.',
  }),
  detail: Type.String({ description: 'What was or would be done, or why not.' }),
})

const summary = {
  ok: Type.Boolean({ description: 'Nothing was found.' }),
  at: Type.String(),
  rows: Type.Integer({ description: 'Addresses that belong to somebody.' }),
  objects: Type.Optional(Type.Integer({ description: 'FloatingIP objects; missing: replication is off.' })),
  pods: Type.Integer({ description: 'Pods that ask.' }),
  inMotion: Type.Integer({ description: 'Addresses that changed meanwhile: not judged, ask again.' }),
  counts: Type.Record(Type.String(), Type.Integer(), {
    description: 'Findings by kind; kinds without any are left out.',
  }),
  more: Type.Integer({ description: `Findings that are not listed (more than ${SHOWN_MAX}).` }),
}

const clean = { at: '2026-05-29T11:11:44.633Z', rows: 120, objects: 120, pods: 118, inMotion: 0 }
const example = { kind: 'missing-object', ip: '10.0.0.5', key: 'sts_default_web_web-0' }

const CheckAnswer = Type.Object(
  { ...summary, findings: Type.Array(FindingItem) },
  {
    description: 'What differs.',
    examples: [
      {
        ok: false,
        ...clean,
        counts: { 'missing-object': 1 },
        more: 0,
        findings: [
          { ...example, because: 'there is no FloatingIP object of it', safe: true, remedy: 'write the object' },
        ],
      },
    ],
  },
)

const RepairAnswer = Type.Object(
  { ...summary, dryRun: Type.Boolean(), findings: Type.Array(RepairedItem) },
  {
    description: 'What was done, or would be.',
    examples: [
      {
        ok: false,
        ...clean,
        counts: { 'missing-object': 1 },
        more: 0,
        dryRun: true,
        findings: [
          { ...example, because: 'there is no FloatingIP object of it', state: 'would', detail: 'write the object' },
        ],
      },
    ],
  },
)

const RepairBody = Type.Object(
  {
    dryRun: Type.Optional(Type.Boolean({ description: 'true by default: say what would be done, and do nothing.' })),
    kinds: Type.Optional(Type.Array(t.UnionEnum(FINDING_KINDS), { description: 'Only these; all by default.' })),
  },
  { additionalProperties: false, examples: [{ dryRun: true }, { dryRun: false, kinds: ['missing-object'] }] },
)

export interface CheckRouteParts {
  readonly gate: Gate
  readonly check: Check
  readonly repair: Repair
}

export function checkRoutes({ gate, check, repair }: CheckRouteParts) {
  return new Elysia({ name: 'check' })
    .get(
      '/v1/check',
      async ({ status }) => {
        if (!gate.open) return status(503, notReady(gate))
        const checked = await check()
        return { ...encodeSummary(checked, checked.findings.length), findings: shown(checked.findings, encodeFinding) }
      },
      {
        response: { 200: CheckAnswer, ...failures(503) },
        detail: {
          tags: ['check'],
          summary: 'Compare ledger, objects and pods',
          description:
            'From fresh quorum lists of FloatingIP objects and pods. Reads the whole cluster: whoever asks while a check is under way gets the same answer. Changes nothing.',
        },
      },
    )
    .post(
      '/v1/check/repair',
      async ({ body, status }) => {
        if (!gate.open) return status(503, notReady(gate))
        const { dryRun = true, kinds } = body
        const { checked, repaired } = await repair({ dryRun, kinds: kinds === undefined ? null : new Set(kinds) })
        return { ...encodeSummary(checked, repaired.length), dryRun, findings: shown(repaired, encodeRepaired) }
      },
      {
        parse: 'json',
        body: RepairBody,
        response: { 200: RepairAnswer, ...failures(400, 503) },
        detail: {
          tags: ['check'],
          summary: 'Mend what is safe to mend',
          description:
            'Checks, and with {"dryRun": false} mends each finding after a fresh look. What is not safe (two pods with one address, an object that somebody else made) is left, with the reason.',
        },
      },
    )
}

function encodeSummary({ at, rows, objects, pods, inMotion, counts, findings }: Checked, listed: number) {
  return {
    ok: findings.length === 0,
    at: timeText(at),
    rows,
    ...(objects !== null && { objects }),
    pods,
    inMotion,
    counts: { ...counts } as Record<string, number>,
    more: Math.max(0, listed - SHOWN_MAX),
  }
}

function shown<T, U>(all: readonly T[], encode: (each: T) => U): U[] {
  return all.slice(0, SHOWN_MAX).map(encode)
}

function encodeFinding({ kind, ip, key, because, remedy, mend }: Finding): Static<typeof FindingItem> {
  return { kind, ip, ...(key !== '' && { key }), because, safe: mend !== null, remedy }
}

function encodeRepaired({ finding, state, because: detail }: Repaired): Static<typeof RepairedItem> {
  const { kind, ip, key, because } = finding
  return { kind, ip, ...(key !== '' && { key }), because, state, detail }
}
