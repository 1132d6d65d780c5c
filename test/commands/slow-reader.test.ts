/** Owns that what a command prints is printed whole, to a reader that takes its time too; one that goes away is no failure of ours. */
import { afterAll, expect, test } from 'bun:test'
import { openSync } from 'node:fs'
import { floatip } from './child.ts'

const ITEMS = 20_000
const content = Array.from({ length: ITEMS }, (_, at) => ({ ip: `10.0.${at >> 8}.${at & 255}`, podName: `web-${at}` }))
const api = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: () => Response.json({ content, last: true, totalElements: ITEMS }),
})
afterAll(() => api.stop(true))

const exporting = (stdout?: number) => floatip(['export', '--server', `http://127.0.0.1:${api.port}`], stdout)

test('megabytes into a pipe that is read late: none is missing', async () => {
  const child = exporting()
  const reader = child.stdout.getReader()
  await Bun.sleep(1_500)
  const decoder = new TextDecoder()
  let text = ''
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    text += decoder.decode(read.value, { stream: true })
    if (text.length < 300_000) await Bun.sleep(100)
  }
  expect(JSON.parse(text)).toHaveLength(ITEMS)
  expect(await child.exited).toBe(0)
})

test('a reader that goes away in the middle (head) ends it, without a stack trace', async () => {
  const child = exporting()
  const reader = child.stdout.getReader()
  await reader.read()
  await reader.cancel()
  expect(await child.exited).toBeLessThan(2)
  expect(await new Response(child.stderr).text()).toBe('')
})

test('a disk that is full is a failure, and is told', async () => {
  const child = exporting(openSync('/dev/full', 'w'))
  expect(await child.exited).toBe(1)
  expect(await new Response(child.stderr).text()).toBe(
    'floatip: the output could not be written: ENOSPC: no space left on device, write\n',
  )
})

test('events --follow ends with its reader', async () => {
  const changes = (id: number) =>
    new ReadableStream({
      async pull(stream) {
        await Bun.sleep(100)
        stream.enqueue(`id: ${++id}\ndata: {"id":${id},"ip":"10.0.0.2"}\n\n`)
      },
    })
  const fetch = ({ url }: Request) => new Response(url.includes('/v1/events') ? changes(7) : 'ok')
  const busy = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch })
  const child = floatip([
    'events',
    '--follow',
    '--after',
    '7',
    '-o',
    'name',
    '--server',
    `http://127.0.0.1:${busy.port}`,
  ])
  const reader = child.stdout.getReader()
  await reader.read()
  await reader.cancel()
  expect(await child.exited).toBe(0)
  expect(await new Response(child.stderr).text()).toBe('')
  await busy.stop(true)
})
