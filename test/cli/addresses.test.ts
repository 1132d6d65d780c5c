/** Owns `floatip ip`: what a person and a script get. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { parse } from 'yaml'
import { api } from '../app/asking.ts'
import { closeWorlds, type World } from '../app/world.ts'
import { mixed } from '../http/api-world.ts'
import { serveApi, type } from './asking.ts'

let world: World
let served: ReturnType<typeof serveApi>
const typed = (line: string, sitting?: Parameters<typeof type>[2]) => type(served.url, line, sitting)

beforeAll(async () => {
  world = await mixed()
  served = serveApi(world)
})
afterAll(async () => {
  served.stop()
  await closeWorlds()
})

describe('ip ls', () => {
  test('a table of what belongs to somebody; the pod’s phase, kept when it has none', async () => {
    const { out, code } = await typed('ip ls')
    expect(code).toBe(0)
    expect(out.replace(/\d+s$/gm, 'AGE')).toBe(
      [
        'ADDRESS    NAMESPACE  APP  POD    POLICY   STATUS   AGE',
        '10.0.0.9   default    sts  sts-0  never    Pending  AGE',
        '10.0.0.10  default    app         never    kept     AGE',
        '10.0.0.11  default         bare   pod end  Pending  AGE',
        '',
      ].join('\n'),
    )
  })

  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['ip ls -o name', ['10.0.0.9', '10.0.0.10', '10.0.0.11']],
    ['ip ls --all -o name', ['10.0.0.9', '10.0.0.10', '10.0.0.11', '10.0.0.12']],
    ['ip ls --app sts -o name', ['10.0.0.9']],
    ['ip ls --app app --kind deployment -o name', ['10.0.0.10']],
    ['ip ls --app app --kind deploy -o name', ['10.0.0.10']],
    ['ip ls --app sts --kind sts -o name', ['10.0.0.9']],
    ['ip ls --kind dp -o name', ['10.0.0.10']],
    ['ip ls --kind constructor -o name', []],
    ['ip ls --app app -o name', ['10.0.0.10']],
    ['ip ls --app app --kind statefulset -o name', []],
    ['ip ls --app app --keyword dp_ -o name', ['10.0.0.10']],
    ['ip ls --app app --keyword sts_ -o name', []],
    ['ip ls --app ap -o name', []],
    ['ip ls --pod bare -o name', ['10.0.0.11']],
    ['ip ls --namespace default --sort ip␣desc -o name', ['10.0.0.11', '10.0.0.10', '10.0.0.9']],
    ['ip ls --kept-longer-than 0s -o name', ['10.0.0.10']],
    ['ip ls --kept-longer-than 1d -o name', []],
    ['ip ls --namespace none -o name', []],
  ]
  for (const [line, found] of rows) {
    test(`${line} → ${found.length === 0 ? 'nothing' : found.join(' ')}`, async () => {
      const { out, code } = await typed(line)
      expect({ code, found: out.split('\n').filter(Boolean) }).toEqual({ code: 0, found: [...found] })
    })
  }

  test('json and yaml hold the same, whole', async () => {
    const json = JSON.parse((await typed('ip ls -o json')).out)
    expect(json).toHaveLength(3)
    expect(json[0]).toMatchObject({ ip: '10.0.0.9', appName: 'sts', podName: 'sts-0', policy: 2 })
    expect(parse((await typed('ip ls -o yaml')).out)).toEqual(json)
  })

  test('nothing found is said on stderr; the output stays empty for scripts', async () => {
    expect(await typed('ip ls --namespace none')).toEqual({ code: 0, out: '', err: 'no address matches\n' })
  })

  test('no line is wider than the terminal: texts are cut, then columns left out and named; never the address', async () => {
    const narrow = await typed('ip ls', { width: 40 })
    expect(Math.max(...narrow.out.split('\n').map(line => line.length))).toBeLessThanOrEqual(40)
    expect(narrow.out).toStartWith('ADDRESS    NAMESPACE  APP  POD\n10.0.0.9   default')
    expect(narrow.err).toBe('not shown, the terminal is too narrow: POLICY, STATUS, AGE (-o wide)\n')
    const changes = await typed('ip history', { width: 90 })
    expect(changes.out).toContain('…')
    expect(changes.err).toBe('texts are cut, the terminal is too narrow (-o wide)\n')
    expect(Math.max(...changes.out.split('\n').map(line => line.length))).toBeLessThanOrEqual(90)
  })

  test('a file, a program, and whoever asks for wide get all of it', async () => {
    // Ages move on between two looks.
    const ageless = (text: string) => text.replaceAll(/ \d+s /g, ' 0s ')
    const whole = (await typed('ip ls -o wide')).out
    expect(whole).not.toContain('…')
    expect(ageless((await typed('ip ls -o wide', { width: 40 })).out)).toBe(ageless(whole))
  })

  test('an order is kept without a filter too; one that is none is refused', async () => {
    expect((await typed('ip ls --sort ip␣desc -o name')).out).toBe('10.0.0.11\n10.0.0.10\n10.0.0.9\n')
    expect((await typed('ip ls --sort size')).err).toStartWith('floatip: sort must be one of ip,')
  })

  test('colours only where they are wanted', async () => {
    expect((await typed('ip ls', { colours: true })).out).toContain('\u001b[')
    expect((await typed('ip ls')).out).not.toContain('\u001b[')
  })
})

describe('ip history --at', () => {
  test('nobody had it: said so, and where nothing is recorded of that time, that', async () => {
    const { content } = (await (await fetch(`${served.url}/v1/history?size=100`)).json()) as {
      content: { at: string }[]
    }
    const begun = content.at(-1)?.at
    const unknown = `changes are recorded since ${begun}: what was before is not known\n`
    expect(await typed('ip history 10.0.0.12 --at 2999-01-01T00:00:00Z')).toEqual({
      ...{ code: 0, out: '', err: 'nobody had it then\n' },
    })
    expect(await typed('ip history 10.0.0.12 --at 2020-01-01T00:00:00+02:00')).toEqual({
      ...{ code: 0, out: '', err: `${unknown}no change matches\n` },
    })
    expect((await typed('ip history --from 2020-01-01T00:00:00Z -o name')).err).toBe(unknown)
    expect((await typed('ip history --pod none')).err).toBe('no change matches\n')
  })
})

describe('ip release', () => {
  test('asks nobody who is not there', async () => {
    const { code, err } = await typed('ip release --app app --kind deployment')
    expect({ code, err }).toEqual({
      code: 2,
      err: 'floatip: 1 address would be released: say --yes where nobody can be asked\n',
    })
  })

  test('a no releases nothing', async () => {
    const { code, err, out } = await typed('ip release --app app --kind deployment', { answer: false })
    expect({ code, out }).toEqual({ code: 5, out: '' })
    expect(err).toContain('Release this address?')
    expect(world.row('10.0.0.10')).toBe('reserved dp_default_app_')
  })

  test('what a pod has is not released, and the reason is told', async () => {
    const { code, err } = await typed('ip release --pod bare --yes')
    expect(code).toBe(5)
    expect(err).toMatch(/^10\.0\.0\.11 not released: /)
  })

  test('what is kept is', async () => {
    const { code, out } = await typed('ip release --app app --kind deployment --yes')
    expect({ code, out }).toEqual({ code: 0, out: '10.0.0.10 released\n' })
    expect(world.row('10.0.0.10')).toBe('free')
  })

  test('a kind means that kind: what a pool keeps is of none', async () => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ name: 'spare', size: 1, preAllocateIP: true })
    await api(world, '/v1/pool', { method: 'POST', headers, body })
    expect((await typed('ip ls --pool spare -o name')).out).not.toBe('')
    expect((await typed('ip release --pool spare --kind statefulset --yes')).err).toStartWith('nothing to release')
    expect((await typed('ip ls --pool spare -o name')).out).not.toBe('')
  })

  test('neither addresses nor a filter', async () => {
    expect(await typed('ip release --yes')).toMatchObject({ code: 2 })
  })
})
