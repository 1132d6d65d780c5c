/** Owns long work in small pieces: the turn of the ledger and the answers to the scheduler come in between. */

/** Longest piece: a turn of 512 commands takes twice as long. */
const PIECE_MS = 5

/** To be awaited after each small step: gives way when the piece has lasted long enough. */
export function pacer(): () => Promise<void> | null {
  let began = performance.now()
  return () => {
    if (performance.now() - began < PIECE_MS) return null
    return new Promise(resolve => {
      setImmediate(() => {
        began = performance.now()
        resolve()
      })
    })
  }
}
