/** Owns a thread that looks, again and again, whether a file is there: as a process would find it that starts in that moment. */
import { existsSync } from 'node:fs'

declare const self: Worker

self.onmessage = ({ data: { path, seen } }: MessageEvent<{ path: string; seen: SharedArrayBuffer }>) => {
  const counts = new Int32Array(seen)
  self.postMessage('looking')
  while (counts[2] === 0) Atomics.add(counts, existsSync(path) ? 0 : 1, 1)
  self.postMessage('done')
}
