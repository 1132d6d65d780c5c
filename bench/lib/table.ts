/** Owns tables for people: plain columns like kubectl's, numbers to the right. */

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) =>
    Math.max(...[head, ...rows.map(row => row[column] ?? '')].map(text => Bun.stringWidth(text))),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const pad = ' '.repeat((widths[column] ?? 0) - Bun.stringWidth(cell))
        return column === 0 ? cell + pad : pad + cell
      })
      .join('   ')
      .trimEnd()
  return [line(heads), ...rows.map(line)].join('\n')
}
