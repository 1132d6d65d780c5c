/** Owns floatip as a process of its own, as a person starts it. */
import { join } from 'node:path'

const MAIN = join(import.meta.dir, '../../src/main.ts')

/** `stdout`: a file to write to, instead of a pipe. */
export function floatip(args: readonly string[], stdout: 'pipe' | number = 'pipe') {
  const { KUBERNETES_SERVICE_HOST: _, KUBERNETES_SERVICE_PORT: __, ...env } = process.env
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    stdout: stdout as 'pipe',
    stderr: 'pipe',
    env: { ...env, NO_COLOR: '1' },
  })
  return child
}

/** Runs to the end: exit code and what was said. */
export async function outcome(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = floatip(args)
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}
