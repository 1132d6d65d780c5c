/** Owns the other side of the suite `api`: an Elysia server whose only route answers a constant of the size that is asked for. */
import { Elysia } from 'elysia'

const bodies = new Map<number, object>()

function bodyOf(bytes: number): object {
  const known = bodies.get(bytes)
  if (known !== undefined) return known
  // {"content":"…"} is 14 bytes without its text.
  const body = { content: 'x'.repeat(Math.max(0, bytes - 14)) }
  bodies.set(bytes, body)
  return body
}

const app = new Elysia().get('/constant/:bytes', ({ params }) => bodyOf(Number(params.bytes)))
app.listen({ hostname: '127.0.0.1', port: Number(process.argv[2]) })
