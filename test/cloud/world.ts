/** Owns a provider, rows and one life of floatip over them, for tests that restart it. */
import { type Rows, rowsOf } from './leftovers.ts'
import { type Process, type ProcessParts, processOn } from './process.ts'
import { type ProviderServer, providerServer, type Script } from './provider-server.ts'

const open: { stop(): void }[] = []

/** For afterEach. */
export function closeWorlds(): void {
  for (const each of open.splice(0)) each.stop()
}

export interface World {
  readonly server: ProviderServer
  readonly rows: Rows
  readonly floatip: Process
  again(parts?: Partial<ProcessParts>): Process
}

export async function world(script?: Script, parts: Partial<ProcessParts> = {}): Promise<World> {
  const server = await providerServer(script)
  const rows = rowsOf()
  const again = (other: Partial<ProcessParts> = {}) => {
    const made = processOn({ target: server.target, rows, ...parts, ...other })
    open.unshift(made)
    return made
  }
  open.push(server)
  const floatip = again()
  floatip.places.start()
  return { server, rows, floatip, again }
}

export const REFUSED = { success: false, msg: 'no' }
