/** Owns the errors of a kubeconfig that can be told before anything is sent, each with its field and a way out. */
import { readFileSync } from 'node:fs'
import type { Cluster, User } from '@kubernetes/client-node'
import { Fault, messageOf } from '../lib/fault.ts'

export function fieldError(source: string, field: string, what: string): Fault {
  return new Fault(`${source}: ${field} ${what}`, { retryable: false })
}

/** Throws a Fault for the first field that cannot work. */
export function check(source: string, cluster: Cluster, user: User): void {
  const ofCluster = `clusters[${cluster.name}].cluster`
  const ofUser = `users[${user.name}].user`
  if (cluster.skipTLSVerify && (cluster.caFile || cluster.caData)) {
    throw fieldError(
      source,
      `${ofCluster}.insecure-skip-tls-verify`,
      'contradicts certificate-authority: remove one of the two',
    )
  }
  pem(source, `${ofCluster}.certificate-authority`, 'CERTIFICATE', cluster.caFile, cluster.caData)
  const cert = pem(source, `${ofUser}.client-certificate`, 'CERTIFICATE', user.certFile, user.certData)
  const key = pem(source, `${ofUser}.client-key`, 'PRIVATE KEY', user.keyFile, user.keyData)
  if (cert !== key) {
    throw fieldError(
      source,
      `${ofUser}.${cert ? 'client-key' : 'client-certificate'}`,
      'is missing: a certificate needs its key',
    )
  }
  const tokenFile: unknown = user.authProvider?.config?.tokenFile
  if (typeof tokenFile === 'string' && contents(source, `${ofUser}.tokenFile`, tokenFile).trim() === '') {
    throw fieldError(source, `${ofUser}.tokenFile`, `${tokenFile} is empty`)
  }
  if (user.exec && !user.exec.command) throw fieldError(source, `${ofUser}.exec.command`, 'is missing')
}

/** True when the field is there and holds PEM of this kind. */
function pem(source: string, field: string, kind: string, file: string | undefined, data: string | undefined): boolean {
  if (!file && !data) return false
  const text = file ? contents(source, field, file) : Buffer.from(data ?? '', 'base64').toString('latin1')
  if (new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(text)) return true
  throw fieldError(
    source,
    file ? field : `${field}-data`,
    `${file ?? ''} is not a ${kind} in PEM form${file ? '' : ', encoded in base64'}`,
  )
}

function contents(source: string, field: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw fieldError(source, field, `cannot be read: ${messageOf(cause)}: correct the path or make the file readable`)
  }
}
