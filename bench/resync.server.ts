/** Owns the other side of the suites `resync` and `start`: an API server with a large cluster, in a process of its own, so that its memory is not counted. */
import { startApiServer } from '../test/app/api-server.ts'
import { fillLarge } from '../test/app/large.ts'

const api = startApiServer()
const large = fillLarge(api, Number(process.argv[2]), Number(process.argv[3] ?? 1))
console.log(JSON.stringify({ url: api.url, ...large }))

// Each line of input is answered with the calls since the one before, by kind.
for await (const _ of console) {
  const kinds = Map.groupBy(api.calls.splice(0), ({ kind }) => kind)
  console.log(JSON.stringify(Object.fromEntries([...kinds].map(([kind, calls]) => [kind, calls.length]))))
}
await api.stop()
