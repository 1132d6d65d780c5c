/** Owns what is said once more at the end of a run: each failure with what was printed before it, for a CI log is read from its end. */

const RESULT = /^\((pass|fail|skip|todo)\) /
/** An assertion's difference and a stack are shorter. */
const LINES_MAX = 60

/** Of the output of `bun test`, where a test's error stands above its `(fail)` line. */
export function failuresIn(output: string): string[] {
  const found: string[] = []
  let since: string[] = []
  for (const line of output.split('\n')) {
    since.push(line)
    if (!RESULT.test(line)) continue
    if (line.startsWith('(fail)')) found.push(since.slice(-LINES_MAX).join('\n').trim())
    since = []
  }
  return found
}
