/** Owns the proof that lines come out whole, wherever the chunks end. */
import { expect, test } from 'bun:test'
import { linesOf } from '../../src/kube/lines.ts'

async function linesIn(chunks: Iterable<Uint8Array>): Promise<string[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  const lines: string[] = []
  for await (const line of linesOf(body)) lines.push(line)
  return lines
}

const text = '{"a":"ä€𝄞"}\n\n{"b":"\u2028 stays inside"}\r\n{"c":1}'
const bytes = new TextEncoder().encode(text)
const expected = ['{"a":"ä€𝄞"}', '{"b":"\u2028 stays inside"}\r', '{"c":1}']

test('every size of chunk gives the same lines, also in the middle of a character', async () => {
  for (let size = 1; size <= bytes.length; size++) {
    const chunks: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
    expect(await linesIn(chunks)).toEqual(expected)
  }
})

test('no bytes, no lines', async () => {
  expect(await linesIn([])).toEqual([])
})

test('a line without an end is not kept for ever', async () => {
  const big = new Uint8Array(1024 * 1024).fill(120)
  function* endless() {
    for (let n = 0; n < 17; n++) yield big
  }
  await expect(linesIn(endless())).rejects.toThrow('a line of more than')
})
