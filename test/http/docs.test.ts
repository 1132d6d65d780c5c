/** Owns the API's description: every route is told of in full, and Swagger 1.2 says the same. */
import { afterEach, expect, test } from 'bun:test'
import type { OpenApi } from '../../src/http/openapi.ts'
import { api } from '../app/asking.ts'
import { closeWorlds, openWorld } from '../app/world.ts'

afterEach(closeWorlds)

async function described() {
  const world = await openWorld({ swagger: true, profiling: true })
  const { body } = await api<OpenApi>(world, '/docs/json')
  const operations = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  )
  return { world, body, operations }
}

test('every route that is served, and no other, is described: summary, description, a group, all answers with example and schema', async () => {
  const { world, body, operations } = await described()
  const served = world.apiPort.routes
    .filter(({ path }) => !/^\/(docs|apidocs)/.test(path))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  expect(operations.map(({ name }) => name).sort()).toEqual(served.sort())
  const tags = body.tags.map(({ name }) => name)
  const lacks = operations.flatMap(({ name, operation }) => {
    const { summary, description, responses, requestBody, parameters = [] } = operation
    const wrong: string[] = []
    if (!summary || !description) wrong.push('summary or description')
    if (operation.tags?.length !== 1 || !tags.includes(operation.tags[0] ?? '')) wrong.push('one group')
    if (responses['200'] === undefined && responses['201'] === undefined) wrong.push('a 200 or 201')
    if (responses.default === undefined) wrong.push('the error shape')
    for (const [status, answer] of Object.entries(responses)) {
      const [media, ...more] = Object.entries(answer.content)
      if (answer.description === '') wrong.push(`${status}: description`)
      if (more.length > 0 || media?.[1].schema === undefined) wrong.push(`${status}: one schema`)
      if (media?.[1].example === undefined && !media?.[0].includes('sqlite')) wrong.push(`${status}: example`)
    }
    for (const media of Object.values(requestBody?.content ?? {}))
      if (media.example === undefined) wrong.push('body: example')
    for (const { name, description } of parameters) if (!description) wrong.push(`${name}: description`)
    return wrong.map(what => `${name} lacks ${what}`)
  })
  expect(lacks).toEqual([])
})

test('parameters that galaxy reads tolerantly are texts', async () => {
  const { operations } = await described()
  const list = operations.find(({ name }) => name === 'GET /v1/ip')?.operation
  expect(list?.parameters?.map(({ schema }) => schema.type)).toEqual(Array(10).fill('string'))
})

test('nothing in it is of the tools that made it', async () => {
  const text = JSON.stringify((await described()).body)
  expect(text).not.toMatch(/\$id|multipart|anyOf":\[\]|unpkg|jsdelivr/)
})

test('Swagger 1.2: the listing, and the declaration with its models', async () => {
  const { world, operations } = await described()
  expect((await api(world, '/apidocs.json')).body).toMatchObject({ swaggerVersion: '1.2', apis: [{ path: '/v1' }] })
  const { body } = await api<{
    apis: { path: string; operations: { method: string; type: string }[] }[]
    models: Record<string, { properties: Record<string, { type?: string; $ref?: string; items?: { $ref?: string } }> }>
  }>(world, '/apidocs.json/v1')
  const names = body.apis.flatMap(({ path, operations }) => operations.map(({ method }) => `${method} ${path}`))
  expect(names).toEqual(operations.map(({ name }) => name).filter(name => name.includes(' /v1/')))
  const list = body.models['getV1Ip.answer']?.properties
  expect(list?.content).toMatchObject({ type: 'array', items: { $ref: 'getV1Ip.answer.content.item' } })
  expect(Object.keys(body.models['getV1Ip.answer.content.item']?.properties ?? {})).toContain('releasable')
  // Every model that is spoken of exists.
  const spoken = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g)].map(([, name = '']) => name)
  expect(spoken.filter(name => body.models[name] === undefined)).toEqual([])
})

test('Swagger 1.2 is served only with its flag', async () => {
  const world = await openWorld()
  expect((await api(world, '/apidocs.json/v1')).status).toBe(404)
})
