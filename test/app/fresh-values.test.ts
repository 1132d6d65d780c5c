/** Owns the proof that the value which wakes a pod, and kills a Binding that is on its way, is new for every process: the same again changes nothing. */
import { afterEach, expect, test } from 'bun:test'
import { create, filter, wakeOf } from './asking.ts'
import { entry, pod } from './objects.ts'
import { closeWorlds, openWorld, until } from './world.ts'

afterEach(closeWorlds)

test('R25, R1: the next leader, with a ledger of its own, wakes those whom the one before had woken', async () => {
  const first = await openWorld({
    entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')],
    pods: [pod('w1', { age: 9 }), pod('w2', { age: 8 })],
  })
  await until(() => ['w1', 'w2'].every(name => wakeOf(first, name) !== ''))
  const { api } = first
  await first.stop(true)
  const version = (name: string) => api.get('pods', `default/${name}`)?.metadata.resourceVersion
  const before = ['w1', 'w2'].map(version)
  const second = await openWorld({ api })
  await until(() => ['w1', 'w2'].every((name, at) => version(name) !== before[at]))
  expect((await filter(second, await create(second, pod('w3')))).NodeNames).toEqual(['a1', 'a2'])
})
