/** Owns the route of import: allocations that another program recorded. */
import { type Static, Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Gate } from '../app/gate.ts'
import type { Import, ImportAnswer } from '../app/import.ts'
import type { Imported } from '../domain/command.ts'
import { isObjectName, NO_CONTROLLER, parseOwnerKey } from '../domain/owner.ts'
import type { ReleasePolicy } from '../domain/policy.ts'
import { readAddress } from './address-wire.ts'
import { failures, notReady } from './answers.ts'
import { BadRequest } from './json.ts'

/** One turn decides and writes them all, at some 35 µs each: two seconds in which nothing else is decided, once. */
const ITEMS_MAX = 50_000

const ImportBody = Type.Object(
  {
    dryRun: Type.Optional(Type.Boolean({ description: 'true by default: say what would be done, and do nothing.' })),
    items: Type.Array(
      Type.Object({
        ip: Type.String(),
        key: Type.String({ description: 'Owner key, as FloatingIP objects have it: sts_<ns>_<name>_<pod> and so on.' }),
        policy: Type.Integer({ minimum: 0, maximum: 2, description: '1 immutable, 2 never.' }),
      }),
      { maxItems: ITEMS_MAX, description: 'All or none; each address once.' },
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
    waiting: Type.Integer({
      description: 'Recorded, and their objects are not written yet: send the same again to wait for the rest.',
    }),
  },
  {
    description: 'What was imported, or what stands against it.',
    examples: [{ done: true, imported: 1, known: 0, conflicts: [], waiting: 0 }],
  },
)

const Accepted = Type.Object(Answer.properties, {
  description: 'Recorded, all of them; the API server does not have all of their objects yet.',
  examples: [{ done: true, imported: 20_000, known: 0, conflicts: [], waiting: 12_000 }],
})

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
      refuseTwice(wanted)
      if (!gate.open) return status(503, notReady(gate))
      const answer = await importing(wanted, dryRun)
      const stands = answer.conflicts.length > 0 && !dryRun
      if (stands) return status(409, encodeAnswer(answer))
      return answer.waiting > 0 ? status(202, encodeAnswer(answer)) : encodeAnswer(answer)
    },
    {
      parse: 'json',
      body: ImportBody,
      response: { 200: Answer, 202: Accepted, 409: Conflicted, ...failures(400, 503) },
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
  // No pod of such a name can come for it, nor can anybody look for one to release it.
  const { namespace, workload, pod } = owner
  const odd = [namespace, workload, pod].find(name => name !== '' && name !== NO_CONTROLLER && !isObjectName(name))
  if (odd !== undefined)
    throw new BadRequest(`items[${at}].key ${JSON.stringify(key)}: nothing can have the name ${JSON.stringify(odd)}`)
  return { address, owner, policy: policy as ReleasePolicy }
}

function refuseTwice(items: readonly Imported[]): void {
  const seen = new Map<string, number>()
  for (const [at, { address }] of items.entries()) {
    const before = seen.get(address.text)
    if (before !== undefined) throw new BadRequest(`items[${at}].ip ${address.text} is that of items[${before}] too`)
    seen.set(address.text, at)
  }
}

function encodeAnswer({ done, fresh, known, conflicts, waiting }: ImportAnswer): Static<typeof Answer> {
  return {
    done,
    imported: fresh,
    known,
    conflicts: conflicts.map(({ address, because }) => ({ ip: address.text, because })),
    waiting,
  }
}
