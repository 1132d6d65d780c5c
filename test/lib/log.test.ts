/** Owns the proof of what a log line looks like, to machines and to people, and of what it leaves out. */
import { expect, test } from 'bun:test'
import { type LogFormat, type LogLevel, logTo } from '../../src/lib/log.ts'
import { textOf } from '../../src/lib/log-text.ts'

function logging(level: LogLevel, format: LogFormat) {
  const lines: string[] = []
  return { lines, log: logTo(level, format, { write: line => lines.push(line) }) }
}

test('json: one object a line, with an ISO time and numbers for levels', () => {
  const { lines, log } = logging('info', 'json')
  log.info({ pod: 'default/web-0', ips: ['10.0.0.2'] }, 'bound')
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 30,
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    pod: 'default/web-0',
    ips: ['10.0.0.2'],
    msg: 'bound',
  })
})

const AT = '"time":"2026-05-01T03:00:00.000Z"'
const TEXTS: readonly [string, string, string][] = [
  [
    'names and lists as they are',
    `{"level":30,${AT},"pod":"default/web-0","ips":["10.0.0.2","10.0.0.3"],"ms":1.25,"msg":"bound"}`,
    '2026-05-01T03:00:00.000Z INFO  bound pod=default/web-0 ips=10.0.0.2,10.0.0.3 ms=1.25\n',
  ],
  [
    'what has spaces, quotes or a line end is quoted: no value can look like another line',
    `{"level":40,${AT},"reason":"no free\\naddress","code":"","msg":"bind refused"}`,
    '2026-05-01T03:00:00.000Z WARN  bind refused reason="no free\\naddress" code=""\n',
  ],
  [
    'an error’s stack follows, indented',
    `{"level":50,${AT},"err":{"type":"Fault","message":"no disk","stack":"Fault: no disk\\n  at x"},"msg":"failed"}`,
    '2026-05-01T03:00:00.000Z ERROR failed err="no disk"\n    Fault: no disk\n      at x\n',
  ],
  ['an error as a text', `{"level":20,${AT},"err":"gone","msg":"x"}`, '2026-05-01T03:00:00.000Z DEBUG x err=gone\n'],
]
test.each(TEXTS)('text: %s', (_, line, text) => expect(textOf(line)).toBe(text))

test('text is what --log-format=text writes', () => {
  const { lines, log } = logging('info', 'text')
  log.warn({ node: 'a1' }, 'bind refused')
  expect(lines[0]).toMatch(/^\S+Z WARN {2}bind refused node=a1\n$/)
})

test('a level hides what is below it, and may be changed while running', () => {
  const { lines, log } = logging('warn', 'json')
  log.info({}, 'one')
  log.level = 'debug'
  log.debug({}, 'two')
  log.level = 'silent'
  log.error({}, 'three')
  expect(lines.map(line => JSON.parse(line).msg)).toEqual(['two'])
})

test('of an error its text and where it happened are logged, and nothing that it carries', () => {
  const { lines, log } = logging('info', 'json')
  const cause = Object.assign(new Error('refused'), { request: { headers: { authorization: 'Bearer s3cret' } } })
  log.error({ err: Object.assign(new Error('no answer', { cause }), { body: 's3cret' }) }, 'failed')
  log.error({ err: 'a text' }, 'failed')
  const [first, second] = lines.map(line => JSON.parse(line).err)
  expect(first).toEqual({ type: 'Error', message: 'no answer', stack: expect.any(String), cause: 'refused' })
  expect(second).toBe('a text')
  expect(lines.join('')).not.toContain('s3cret')
})
