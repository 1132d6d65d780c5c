/** Owns the programs of Debian that tests use: installed where we may, else said what is left out without them. */

interface Program {
  readonly name: string
  readonly package: string
  readonly without: string
}

const PROGRAMS: readonly Program[] = [
  { name: 'chromium', package: 'chromium', without: 'the reference page is not looked at in a browser' },
  { name: 'promtool', package: 'prometheus', without: 'the alert rules are not checked by promtool' },
]
/** A browser with its libraries is some 150 MB. */
const WITHIN_MS = 5 * 60_000

/** Lines for whoever watches. */
export async function installDebian(): Promise<string[]> {
  const missing = PROGRAMS.filter(({ name }) => Bun.which(name) === null)
  if (missing.length === 0) return []
  if (process.getuid?.() === 0 && Bun.which('apt-get') !== null) {
    await quietly('apt-get', 'update', '-qq')
    const packages = missing.map(each => each.package)
    // A server that a package would start is none of ours.
    await quietly('apt-get', 'install', '-qq', '-y', '--no-install-recommends', ...packages)
  }
  return missing.map(({ name, package: from, without }) =>
    Bun.which(name) === null
      ? `skipped: ${name} (Debian’s package ${from}) is missing: ${without}`
      : `installed: ${name} (Debian’s package ${from})`,
  )
}

async function quietly(...command: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const child = Bun.spawn(command, { stdout: 'ignore', stderr: 'ignore', env, timeout: WITHIN_MS })
  await child.exited
}
