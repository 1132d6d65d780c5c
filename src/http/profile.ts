/** Owns the CPU profile of the running process (`--profiling`), in the form that Chrome's and VS Code's tools open. */
import { Session } from 'node:inspector'
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { failure, failures } from './answers.ts'

const SECONDS_DEFAULT = 10
const SECONDS_MAX = 120

const Query = Type.Object({
  seconds: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,2}$',
      description: `A whole number, ${SECONDS_MAX} at most.`,
      examples: ['10'],
    }),
  ),
})

export function profileRoute() {
  let running = false
  return new Elysia({ name: 'profile' }).get(
    '/debug/profile',
    async ({ query, set, status }) => {
      const seconds = Math.min(Number(query.seconds ?? SECONDS_DEFAULT), SECONDS_MAX)
      if (running) return status(409, failure(409, 'a profile is being taken already: ask again when it is done'))
      running = true
      try {
        const profile = await cpuProfile(seconds)
        set.headers['content-disposition'] = 'attachment; filename="floatip.cpuprofile"'
        return profile
      } finally {
        running = false
      }
    },
    {
      query: Query,
      response: {
        200: Type.Unknown({ description: 'A .cpuprofile.', examples: [{ nodes: [], samples: [] }] }),
        ...failures(400, 409),
      },
      detail: {
        tags: ['operation'],
        summary: 'Take a CPU profile (with --profiling)',
        description: `Samples this process for so many seconds (${SECONDS_DEFAULT}), which slows it down meanwhile.`,
      },
    },
  )
}

async function cpuProfile(seconds: number): Promise<unknown> {
  const session = new Session()
  session.connect()
  const post = (method: 'Profiler.enable' | 'Profiler.start' | 'Profiler.stop') =>
    new Promise<{ profile?: unknown }>((resolve, reject) => {
      session.post(method, (error: Error | null, answer?: object) =>
        error === null ? resolve((answer ?? {}) as { profile?: unknown }) : reject(error),
      )
    })
  try {
    await post('Profiler.enable')
    await post('Profiler.start')
    await Bun.sleep(seconds * 1000)
    return (await post('Profiler.stop')).profile
  } finally {
    session.disconnect()
  }
}
