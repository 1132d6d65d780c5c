/** Owns the cutting of a byte stream into lines, wherever the chunks end. */

/** Characters; etcd refuses objects above 1.5 MiB, so anything far beyond is not a watch event. */
const maxLineLength = 16 * 1024 * 1024

/** Yields each non-empty line without its end; `onChunk` hears of every chunk, be it a whole line or not. */
export async function* linesOf(body: ReadableStream<Uint8Array>, onChunk: () => void = () => {}) {
  // The decoder keeps the bytes of a character that a chunk's end has cut in two.
  const decoder = new TextDecoder('utf-8')
  let rest = ''
  for await (const chunk of body) {
    onChunk()
    const text = decoder.decode(chunk, { stream: true })
    let start = 0
    // Only the new text is searched: a long line in many chunks stays linear.
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = rest + text.slice(start, end)
      rest = ''
      start = end + 1
      if (line.trim() !== '') yield line
    }
    rest += text.slice(start)
    if (rest.length > maxLineLength) throw new Error(`a line of more than ${maxLineLength} characters`)
  }
  rest += decoder.decode()
  if (rest.trim() !== '') yield rest
}
