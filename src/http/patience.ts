/** Owns how long a connection may be silent while its answer is made. */

/**
 * Seconds; Elysia's own 30 cut answers that are under way. The longest: a profile of 120 s, a release or a bind that waits for two calls to
 * the cloud of 60 s each. Bun takes 255 at most.
 */
export const SILENT_MAX_S = 240
