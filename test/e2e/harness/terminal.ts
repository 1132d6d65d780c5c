/** Owns what a person types at the shell and sees: the compiled binary's commands, told as a page. */
import { resolve } from 'node:path'
import { FLOATIP } from './cluster.ts'

export interface Shown {
  readonly code: number
  /** Standard output and standard error, as they come. */
  readonly text: string
}

export interface Typist {
  /** `floatip <line>`, words separated by blanks; a word in quotes may have some. */
  floatip(line: string): Promise<Shown>
}

/** In a directory of its own, with the server of {@link FLOATIP_SERVER} as anybody would have it. */
export function typist(apiUrl: string, cwd: string): Typist {
  const binary = resolve(FLOATIP)
  const env = { PATH: process.env.PATH ?? '', FLOATIP_SERVER: apiUrl }
  return {
    async floatip(line) {
      const script = `${JSON.stringify(binary)} ${line} 2>&1`
      const child = Bun.spawn(['sh', '-c', script], { cwd, env, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
      const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited])
      return { code, text }
    },
  }
}

/** What differs from run to run; its length too where it ends a line. */
export function normalised(page: string): string {
  return page
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uid>')
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}\b/g, '<id>')
    .replace(/\b(\w+)-[0-9a-z]{9,10}-[0-9a-z]{5}\b/g, '$1-<hash>')
    .replace(/\b\d+ bytes/g, '<size> bytes')
    .replace(/http:\/\/127\.0\.0\.1:\d{4,5}/g, '<server>')
    .replace(/ +\d+s$/gm, ' <age>')
    .replace(/ (\d|\d\d)s +(?=<time>)/g, ' <age> ')
}
