/** Owns the two examples of the user's document. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api } from '../app/asking.ts'
import { closeWorlds, until } from '../app/world.ts'
import { documented, type Page, release } from './api-world.ts'

afterEach(closeWorlds)

describe('the two examples of the user’s document', () => {
  test('1. query the addresses of a StatefulSet: the same fields, in the same order', async () => {
    const world = await documented()
    const path = '/v1/ip?appName=sts&appType=statefulsets&namespace=default'
    const { status, body } = await api<Page>(world, path)
    const item = (ip: string, podName: string) => ({
      ip,
      namespace: 'default',
      appName: 'sts',
      podName,
      policy: 2,
      appType: 'statefulset',
      updateTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
      status: 'Deleted',
      releasable: true,
    })
    expect(status).toBe(200)
    expect(body).toEqual({
      last: true,
      totalElements: 2,
      totalPages: 1,
      first: true,
      numberOfElements: 2,
      size: 10,
      number: 0,
      content: [item('10.0.0.112', 'sts-0'), item('10.0.0.174', 'sts-1')],
    })
    expect(Object.keys(body).join(' ')).toBe('last totalElements totalPages first numberOfElements size number content')
    expect(Object.keys(body.content[0] ?? {}).join(' ')).toBe(
      'ip namespace appName podName policy appType updateTime status releasable',
    )
  })

  test('2. release them', async () => {
    const world = await documented()
    const app = { appName: 'sts', appType: 'statefulset', namespace: 'default' }
    const asked = [
      { ip: '10.0.0.112', podName: 'sts-0', ...app },
      { ip: '10.0.0.174', podName: 'sts-1', ...app },
    ]
    expect(await release(world, ...asked)).toEqual({ status: 200, body: { code: 200, message: '' } } as never)
    expect(world.rows()).toEqual([])
    await until(() => world.api.all('floatingips').length === 0)
    expect(await release(world, ...asked)).toEqual({ status: 200, body: { code: 200, message: '' } } as never)
  })

  test('the body that curl sends without a content type is read too', async () => {
    const world = await documented()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const body =
      '{"ips":[{"ip":"10.0.0.112","appName":"sts","appType":"statefulset","podName":"sts-0","namespace":"default"}]}'
    const answer = await api(world, '/v1/ip', { method: 'POST', headers, body })
    expect(answer).toEqual({ status: 200, body: { code: 200, message: '' } })
  })
})
