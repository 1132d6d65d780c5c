/** Owns `floatip pool`: what is listed can be shown. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { closeWorlds, openWorld } from '../app/world.ts'
import { serveApi, type } from './asking.ts'

let served: ReturnType<typeof serveApi>

beforeAll(async () => {
  served = serveApi(await openWorld())
})
afterAll(async () => {
  served.stop()
  await closeWorlds()
})

const typed = (line: string) => type(served.url, line)

test('a pool with a size', async () => {
  expect((await typed('pool set front 2 --preallocate')).out).toBe('pool front: size 2, 2 addresses allocated\n')
  expect((await typed('pool show front')).out.replaceAll(/ +/g, ' ')).toBe(
    'Pool front\nSize 2\nAllocated 2\nIn use 0\nPre-allocated yes\nAddresses 10.0.0.2, 10.0.0.3\n',
  )
  expect(JSON.parse((await typed('pool show front -o json')).out)).toEqual({
    ...{ name: 'front', size: 2, preAllocateIP: true, allocated: 2, inUse: 0 },
  })
})

test('one whose size was removed, and which has addresses', async () => {
  expect((await typed('pool rm front')).code).toBe(0)
  expect((await typed('pool ls -o name')).out).toBe('front\n')
  expect((await typed('pool show front')).out.replaceAll(/ +/g, ' ')).toBe(
    'Pool front\nSize none\nAllocated 2\nIn use 0\nPre-allocated no\nAddresses 10.0.0.2, 10.0.0.3\n',
  )
  expect(JSON.parse((await typed('pool show front -o json')).out)).toEqual({
    ...{ name: 'front', preAllocateIP: false, allocated: 2, inUse: 0 },
  })
})
