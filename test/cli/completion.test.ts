/** Owns `floatip completion`: what the shells themselves propose; those that are not on this machine are skipped. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type } from './asking.ts'

type Shell = 'bash' | 'zsh' | 'fish'
const dir = mkdtempSync(join(tmpdir(), 'floatip-completion-'))
const scriptOf = (shell: Shell) => join(dir, shell)

beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    writeFileSync(scriptOf(shell as Shell), (await type('', `completion ${shell}`)).out)
  }
  return () => rmSync(dir, { recursive: true })
})

/** As typed, up to the cursor; the script runs in a directory without a file. */
const PROPOSED: Readonly<Record<Shell, (words: readonly string[]) => readonly string[]>> = {
  bash: words => [
    `source ${scriptOf('bash')}; COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1))`,
    `complete -p floatip kubectl-floatip >/dev/null || exit 1; _floatip; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  zsh: () => [
    `autoload -Uz compinit && compinit -u -d ${join(dir, 'dump')}; source ${scriptOf('zsh')}; print -r -- $_comps[floatip] | grep -o _floatip`,
  ],
  fish: words => [
    `mkdir -p ${dir}/empty; cd ${dir}/empty; source ${scriptOf('fish')}; complete -C '${words.join(' ')}'`,
  ],
}

function proposed(shell: Shell, ...words: readonly string[]): readonly string[] {
  const plain = { bash: ['--norc'], zsh: ['-f'], fish: ['--no-config'] }[shell]
  const { stdout, stderr, exitCode } = Bun.spawnSync([shell, ...plain, '-c', PROPOSED[shell](words).join('\n')])
  expect({ err: stderr.toString(), exitCode }).toEqual({ err: '', exitCode: 0 })
  return stdout
    .toString()
    .split('\n')
    .filter(Boolean)
    .map(line => line.split('\t')[0] ?? '')
}

const IP = ['ls', 'show', 'history', 'release', 'reserve', 'reservations', 'unreserve']

for (const shell of ['bash', 'fish'] as const) {
  describe.skipIf(Bun.which(shell) === null)(shell, () => {
    test('commands, and the commands of a command', () => {
      expect(proposed(shell, 'floatip', '')).toEqual(expect.arrayContaining(['ip', 'plan', 'completion']))
      expect(proposed(shell, 'floatip', 'ip', '')).toEqual(expect.arrayContaining(IP))
      expect(proposed(shell, 'floatip', 'ip', 'l')).toEqual(['ls'])
      expect(proposed(shell, 'floatip', 'plan', 'sc')).toEqual(['scale'])
      expect(proposed(shell, 'floatip', 'completion', 'z')).toEqual(['zsh'])
    })

    test('options, after arguments and other options too', () => {
      expect(proposed(shell, 'floatip', 'ip', 'ls', '--name')).toContain('--namespace')
      expect(proposed(shell, 'floatip', 'ip', 'show', '10.0.0.1', '--out')).toContain('--output')
      expect(proposed(shell, 'floatip', 'ip', 'ls', '--app', 'web', '--kept')).toContain('--kept-longer-than')
    })
  })
}

test.skipIf(Bun.which('zsh') === null)('zsh takes it', () => {
  expect(proposed('zsh')).toEqual(['_floatip'])
})
