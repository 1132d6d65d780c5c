/** Owns the installation of our definitions: those that are missing are created, those of galaxy-ipam gain what they lack, as far as we may. */
import { Fault } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { CRDS } from './crds.ts'
import { type Definition, type Upgrade, upgradeOf } from './definition-upgrade.ts'
import { ApiError, isNotFound, mergePatch, type Transport } from './transport.ts'

const CRDS_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
/** Somebody else writes it at the same time, perhaps another floatip; more than a few times in a row is no chance. */
const ROUNDS_MAX = 5

/** What was not done, and why: everything works all the same, with less for people to see. */
interface Undone {
  readonly name: string
  readonly because: string
  /** Null: we may not even read it. */
  readonly upgrade: Upgrade | null
}

/** Throws ApiError when one is missing and we may not create it. */
export async function installCrds(transport: Transport, log: Log): Promise<void> {
  const undone: Undone[] = []
  for (const crd of CRDS) {
    const not = await install(transport, log, crd)
    if (not !== null) undone.push(not)
  }
  if (undone.length === 0) return
  const missing = undone.flatMap(({ name, upgrade }) => upgrade?.missing ?? [`${name} could not be read`])
  const run = undone.flatMap(({ name, upgrade }) => (upgrade === null ? [] : [commandOf(name, upgrade)]))
  log.warn(
    { missing, run, because: undone.map(({ because }) => because) },
    'the custom resource definitions stay as they are, and floatip works with them; an administrator can run what `run` says, or grant the rights of deploy/rbac.yaml',
  )
}

async function install(transport: Transport, log: Log, crd: Definition): Promise<Undone | null> {
  const { name } = crd.metadata
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const found = await read(transport, name)
    if (found === null || found instanceof ApiError) {
      const refusal = await create(transport, log, crd)
      if (refusal === null) return null
      if (found instanceof ApiError) return { name, because: found.message, upgrade: null }
      if (refusal.status === 403) throw refusal
      continue
    }
    const upgrade = upgradeOf(found, crd)
    if (upgrade === null) return null
    const refusal = await update(transport, found, upgrade)
    if (refusal === null) {
      log.info({ crd: name, gained: upgrade.missing }, 'custom resource definition updated')
      return null
    }
    if (refusal.status !== 409 && refusal.status !== 404) return { name, because: refusal.message, upgrade }
  }
  throw new Fault(`${name} is being changed by somebody else again and again`, { retryable: true })
}

/** Null: there is none; an ApiError: we may not read it. */
async function read(transport: Transport, name: string): Promise<Definition | null | ApiError> {
  try {
    return (await transport.request<Definition>({ method: 'GET', path: `${CRDS_PATH}/${name}` })).body
  } catch (error) {
    if (isNotFound(error, name)) return null
    if (error instanceof ApiError && error.status === 403) return error
    throw error
  }
}

/** Null: done; else the server's refusal. */
async function create(transport: Transport, log: Log, crd: Definition): Promise<ApiError | null> {
  try {
    await transport.request({ method: 'POST', path: CRDS_PATH, body: crd })
    log.info({ crd: crd.metadata.name }, 'custom resource definition installed')
    return null
  } catch (error) {
    if (error instanceof ApiError && (error.reason === 'AlreadyExists' || error.status === 403)) return error
    throw error
  }
}

/** A compare-and-swap; 403: we may not; 422: it cannot be mended so (a definition of before structural schemas). */
async function update(transport: Transport, found: Definition, { patch }: Upgrade): Promise<ApiError | null> {
  const { name, resourceVersion } = found.metadata
  const body = { ...patch, metadata: { ...patch.metadata, resourceVersion } }
  try {
    await transport.request({ method: 'PATCH', path: `${CRDS_PATH}/${name}`, contentType: mergePatch, body })
    return null
  } catch (error) {
    if (error instanceof ApiError && [403, 404, 409, 422].includes(error.status)) return error
    throw error
  }
}

/** For a shell, as it stands. */
function commandOf(name: string, { patch }: Upgrade): string {
  return `kubectl patch crd ${name} --type=merge -p '${JSON.stringify(patch).replaceAll("'", "'\\''")}'`
}
