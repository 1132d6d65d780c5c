/** Owns throw-away certificates, made by openssl when the tests start. */
import { afterAll } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Pair {
  readonly cert: string
  readonly key: string
  readonly certFile: string
  readonly keyFile: string
}

export interface Certs {
  readonly folder: string
  readonly ca: Pair
  /** Signs nothing. */
  readonly strangerCa: Pair
  /** For 127.0.0.1 and localhost. */
  readonly server: Pair
  /** For other.example only. */
  readonly elsewhere: Pair
  readonly client: Pair
}

export function makeCerts(): Certs {
  const folder = mkdtempSync(join(tmpdir(), 'floatip-certs-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

  function openssl(...args: string[]) {
    const ran = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
    if (ran.status !== 0) throw new Error(`openssl ${args.join(' ')}: ${ran.stderr ?? ran.error}`)
  }

  function pair(name: string): Pair {
    const certFile = join(folder, `${name}.crt`)
    const keyFile = join(folder, `${name}.key`)
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }

  function authority(name: string): Pair {
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    )
    return pair(name)
  }

  function signed(name: string, names: string): Pair {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}\n`)
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`]
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...by)
    return pair(name)
  }

  const ca = authority('ca')
  return {
    folder,
    ca,
    strangerCa: authority('stranger'),
    server: signed('server', 'DNS:localhost,IP:127.0.0.1'),
    elsewhere: signed('elsewhere', 'DNS:other.example'),
    client: signed('client', 'DNS:client'),
  }
}
