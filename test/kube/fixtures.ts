/** Owns what the tests of this folder share: kubeconfig files, and connections to the fake server. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { connect, type KubeConnection } from '../../src/kube/kubeconfig.ts'
import { type Transport, transport } from '../../src/kube/transport.ts'
import type { Certs } from './certs.ts'

let files = 0

export function kubeconfig(
  certs: Certs,
  server: string,
  user: object,
  cluster: object = { 'certificate-authority': certs.ca.certFile },
): string {
  const file = join(certs.folder, `config-${++files}`)
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    clusters: [{ name: 'fake', cluster: { server, ...cluster } }],
    users: [{ name: 'me', user }],
    contexts: [{ name: 'here', context: { cluster: 'fake', user: 'me', namespace: 'ns' } }],
  })
  writeFileSync(file, text)
  return file
}

/** Time that only moves when told. */
export function handClock() {
  let now = 0
  return {
    monotonicMs: () => now,
    advance(ms: number) {
      now += ms
    },
  }
}

export function connectTo(file: string, monotonicMs?: () => number): { connection: KubeConnection; api: Transport } {
  const connection = connect({ kubeconfig: file, ...(monotonicMs ? { monotonicMs } : {}) })
  return { connection, api: transport(connection) }
}

export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (thrown) {
    return thrown
  }
  throw new Error('it did not fail')
}
