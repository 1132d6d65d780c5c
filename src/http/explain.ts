/** Owns the route that says why a pod waits. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Explaining } from '../app/explain.ts'
import { isObjectName } from '../domain/owner.ts'
import { failure, failures } from './answers.ts'
import { ExplanationItem, encodeExplanation } from './explain-wire.ts'

const PodName = Type.Object({
  namespace: Type.String({ description: 'Namespace of the pod.', examples: ['default'] }),
  name: Type.String({ description: 'Name of the pod.', examples: ['web-0'] }),
})

export interface ExplainRouteParts {
  readonly explaining: Explaining
}

export function explainRoutes({ explaining }: ExplainRouteParts) {
  return new Elysia({ name: 'explain' }).get(
    '/v1/explain/pods/:namespace/:name',
    async ({ params: { namespace, name }, status }) => {
      const isName = isObjectName(namespace) && isObjectName(name)
      const explanation = isName ? await explaining.explain(namespace, name) : null
      if (explanation === null) return status(404, failure(404, `pod ${namespace}/${name} does not exist`))
      return encodeExplanation(namespace, name, explanation)
    },
    {
      params: PodName,
      response: { 200: ExplanationItem, ...failures(404, 503) },
      detail: {
        tags: ['explain'],
        summary: 'Why does this pod wait?',
        description:
          'What the pod asks for, what it has, what stops it and who has what it waits for, on which nodes it could run and why not on the others, and what would help. Decided by the same rules as the scheduler’s questions; nothing is changed by asking.',
      },
    },
  )
}
