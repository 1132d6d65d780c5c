/** Owns kubectl as a person types it: the one on PATH, else one built from the control plane's own module. */
import { kubectlBinary } from '../../controlplane/build.ts'

/** The words that begin a command line; built first where necessary (a minute after the control plane). */
export async function kubectlCommand(): Promise<readonly string[]> {
  const found = Bun.which('kubectl')
  if (found !== null) return [found]
  const built = await kubectlBinary()
  if (built === null) throw new Error('no kubectl: neither on PATH nor can Go build one')
  return [built, 'kubectl']
}

/** Runs it as admin and answers what it printed; throws what it complained of. `input` is its standard input (`-f -`). */
export async function kubectl(kubeconfig: string, args: readonly string[], input = ''): Promise<string> {
  const command = [...(await kubectlCommand()), '--kubeconfig', kubeconfig, ...args]
  const child = Bun.spawn(command, { stdin: new TextEncoder().encode(input), stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${err}`)
  return out
}
