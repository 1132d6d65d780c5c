/** Owns the text form of a log line, for people who read it as it comes. */

const LEVELS: Readonly<Record<number, string>> = { 20: 'DEBUG', 30: 'INFO ', 40: 'WARN ', 50: 'ERROR' }

/** `{"level":30,"time":"…","pod":"default/web-0","msg":"bound"}` → `… INFO  bound pod=default/web-0`; an error's stack follows on lines of its own. */
export function textOf(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>
  const told = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`)
  const { message, stack } = (typeof err === 'object' && err !== null ? err : { message: err }) as Record<
    string,
    string
  >
  if (message !== undefined) told.push(`err=${shown(message)}`)
  const head = [time, LEVELS[level as number] ?? 'OTHER', msg, ...told].join(' ')
  return `${head}\n${stack === undefined ? '' : `${stack.replace(/^/gm, '    ')}\n`}`
}

/** Quoted only where it would not be clear where it ends. */
function shown(value: unknown): string {
  if (Array.isArray(value) && value.every(each => typeof each === 'string' && isPlain(each))) return value.join(',')
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return typeof value === 'string' && !isPlain(text) ? JSON.stringify(text) : text
}

function isPlain(text: string): boolean {
  return /^[^\s"=]+$/.test(text)
}
