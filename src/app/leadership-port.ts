/** Owns what others may ask of leadership: whether this process may decide, and for how long. */

export interface LeadershipCallbacks {
  /** Called in the step in which leadership begins, with its number. */
  started(term: number): void
  /** Called once; the process must end. */
  lost(why: string): void
}

/**
 * A process leads at most once: leadership that was lost never comes back, and the process ends and starts again, as galaxy-ipam does.
 * Whatever it remembered was true under its term only, and nothing forgets as thoroughly as an exit.
 */
export interface Leadership {
  /**
   * Ask in the same synchronous step in which something leaves that only the leader may send (R3). It looks at the clocks, not at what
   * some timer has noticed: after a pause of the process the first answer is right.
   */
  isLeader(): boolean
  /** The same after a look at the Lease itself (R28): when it is somebody else's, leadership is over. Throws a Fault when it cannot be read. */
  stillLeads(): Promise<boolean>
  /** How long a request that only the leader may send can be under way from now, so that it arrives in no other's term (R3); 0: not at all. */
  safeForMs(): number
  /** Who leads as far as we know; empty: nobody. */
  readonly leader: string
  /** The same as a sentence for readyz, or what keeps us from knowing. */
  readonly standing: string
  /** Of our leadership, `leaseTransitions` of the Lease; 0 before. */
  readonly term: number
  /** Waits for leadership and keeps it; resolves when it is lost, released, or given up by the signal. To be called once. */
  run(callbacks: LeadershipCallbacks, signal: AbortSignal): Promise<void>
  /** Stops deciding, then lets a successor in at once. To be called when nothing of ours is under way any more. Never rejects on a Fault. */
  release(): Promise<void>
}
