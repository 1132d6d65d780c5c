/** Owns what the audience sees: headings, lines, tables and ticks, at a pace that can be read. */
import ansis from 'ansis'

export interface Theatre {
  heading(text: string): Promise<void>
  say(text: string): Promise<void>
  /** Plain columns like kubectl's. */
  table(heads: readonly string[], rows: readonly (readonly string[])[]): Promise<void>
  /** Something was found to be as it should. */
  tick(text: string): Promise<void>
  cross(text: string): void
}

const PACE_MS = 450

export function theatre(fast: boolean): Theatre {
  const pause = () => (fast ? Promise.resolve() : Bun.sleep(PACE_MS))

  async function line(text: string): Promise<void> {
    process.stdout.write(`${text}\n`)
    await pause()
  }

  return {
    heading: text => line(`\n${ansis.bold(text)}`),
    say: text => line(`  ${text}`),
    async table(heads, rows) {
      const all = [heads, ...rows]
      const widths = heads.map((_, at) => Math.max(...all.map(row => Bun.stringWidth(row[at] ?? ''))))
      for (const [at, row] of all.entries()) {
        const cells = row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - Bun.stringWidth(cell)))
        const text = cells.join('   ').trimEnd()
        process.stdout.write(`    ${at === 0 ? ansis.dim(text) : text}\n`)
      }
      await pause()
    },
    tick: text => line(`  ${ansis.green('✓')} ${text}`),
    cross(text) {
      process.stdout.write(`  ${ansis.red('✗')} ${text}\n`)
    },
  }
}
