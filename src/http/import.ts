/** Owns the route of import: allocations that another program recorded. */
import { type Static, Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Gate } from '../app/gate.ts'
import type { Import, ImportAnswer } from '../app/import.ts'
import type { Imported } from '../domain/command.ts'
import { parseOwnerKey } from '../domain/owner.ts'
import type { ReleasePolicy } from '../domain/policy.ts'
import { readAddress } from './address-wire.ts'
import { failures, notReady } from './answers.ts'
import { BadRequest } from './json.ts'

/** One turn decides them all, at some 20 µs each; and 1 MiB of body holds them. */
const ITEMS_MAX = 5_000

const ImportBody = Type.Object(
  {
    dryRun: Type.Optional(Type.Boolean({ description: 'true by default: say what would be done, and do nothing.' })),
    items: Type.Array(
      Type.Object({
        ip: Type.String(),
        key: Type.String({ description: 'Owner key, as FloatingIP objects have it: sts_<ns>_<name>_<pod> and so on.' }),
        policy: Type.Integer({ minimum: 0, maximum: 2, description: '1 immutable, 2 never.' }),
      }),
      { maxItems: ITEMS_MAX },
    ),
  },
  {
    additionalProperties: false,
    examples: [{ dryRun: true, items: [{ ip: '10.0.0.5', key: 'sts_default_web_web-0', policy: 2 }] }],
  },
)

const Answer = Type.Object(
  {
    done: Type.Boolean({ description: 'False: a dry run, or something stands against it; then nothing was changed.' }),
    imported: Type.Integer({ description: 'Addresses that are new, or would be.' }),
    known: Type.Integer({ description: 'Their owners have them already.' }),
    conflicts: Type.Array(Type.Object({ ip: Type.String(), because: Type.String() })),
  },
  {
    description: 'What was imported, or what stands against it.',
    examples: [{ done: true, imported: 1, known: 0, conflicts: [] }],
  },
)

const Conflicted = Type.Object(Answer.properties, {
  description: 'Something stands against it: nothing was changed.',
  examples: Answer.examples,
})

export interface ImportRouteParts {
  readonly gate: Gate
  readonly importing: Import
}

export function importRoute({ gate, importing }: ImportRouteParts) {
  return new Elysia({ name: 'import' }).post(
    '/v1/import',
    async ({ body: { items, dryRun = true }, status }) => {
      const wanted = items.map(decodeItem)
      if (!gate.open) return status(503, notReady(gate))
      const answer = await importing(wanted, dryRun)
      const stands = answer.conflicts.length > 0 && !dryRun
      return stands ? status(409, encodeAnswer(answer)) : encodeAnswer(answer)
    },
    {
      parse: 'json',
      body: ImportBody,
      response: { 200: Answer, 409: Conflicted, ...failures(400, 503) },
      detail: {
        tags: ['addresses'],
        summary: 'Import allocations',
        description:
          'From another program or floatip: each address is kept for its owner, all or none; a pod of that owner that runs or comes gets it. Addresses that are released with their pod are not imported: a running pod’s are recorded from its annotation anyway.',
      },
    },
  )
}

function decodeItem({ ip, key, policy }: { ip: string; key: string; policy: number }, at: number): Imported {
  const address = readAddress(ip, `items[${at}].ip`)
  const owner = parseOwnerKey(key)
  if (owner === null) throw new BadRequest(`items[${at}].key ${JSON.stringify(key)} is no owner key`)
  return { address, owner, policy: policy as ReleasePolicy }
}

function encodeAnswer({ done, fresh, known, conflicts }: ImportAnswer): Static<typeof Answer> {
  return {
    done,
    imported: fresh,
    known,
    conflicts: conflicts.map(({ address, because }) => ({ ip: address.text, because })),
  }
}
