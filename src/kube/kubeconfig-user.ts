/** Owns what client-node leaves out of a kubeconfig's user: `tokenFile`, relative plugin paths, KUBERNETES_EXEC_INFO. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Cluster, User } from '@kubernetes/client-node'

export interface RawKubeconfig {
  readonly users?: readonly { readonly name?: string; readonly user?: { readonly tokenFile?: string } | null }[] | null
}

/** What client-node does not read from a kubeconfig: `tokenFile`, and plugins named by a path relative to the file. */
export function completed(user: User, raw: RawKubeconfig, folder: string): User {
  const tokenFile = raw.users?.find(one => one.name === user.name)?.user?.tokenFile
  if (tokenFile) {
    const { token: _, ...rest } = user
    return { ...rest, authProvider: { name: 'tokenFile', config: { tokenFile: resolve(folder, tokenFile) } } }
  }
  const command: unknown = user.exec?.command
  if (typeof command === 'string' && command.includes('/')) {
    return { ...user, exec: { ...user.exec, command: resolve(folder, command) } }
  }
  return user
}

/** KUBERNETES_EXEC_INFO, which every exec plugin may expect and client-node does not set. */
export function withExecInfo(user: User, cluster: Cluster): User {
  if (!user.exec) return user
  const ca = cluster.caFile ? readFileSync(cluster.caFile).toString('base64') : cluster.caData
  const info = {
    apiVersion: user.exec.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(user.exec.provideClusterInfo === true && {
        cluster: {
          server: cluster.server,
          ...(cluster.tlsServerName && { 'tls-server-name': cluster.tlsServerName }),
          ...(cluster.skipTLSVerify && { 'insecure-skip-tls-verify': true }),
          ...(ca && { 'certificate-authority-data': ca }),
          ...(cluster.proxyUrl && { 'proxy-url': cluster.proxyUrl }),
        },
      }),
    },
  }
  const env = [...(user.exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }]
  return { ...user, exec: { ...user.exec, env } }
}
