/** Owns garbage collection: what a deleted owner leaves behind goes too. */
import type { Api } from './api.ts'
import { isFailure } from './failure.ts'
import { type OnFailure, queueOf, type Running } from './queue.ts'
import { PODS, REPLICA_SETS } from './resources.ts'

export function garbageCollector(api: Api, onFailure: OnFailure): Running {
  const queue = queueOf(uid => {
    for (const resource of [REPLICA_SETS, PODS]) {
      for (const { metadata } of api.list(resource)) {
        if (!metadata.ownerReferences?.some(owner => owner.uid === uid)) continue
        try {
          api.delete(resource, metadata.namespace, metadata.name, { preconditions: { uid: metadata.uid } })
        } catch (thrown) {
          if (!isFailure(thrown, 'NotFound')) throw thrown
        }
      }
    }
  }, onFailure)

  const unsubscribe = api.store.subscribe(({ type, object }) => {
    if (type === 'DELETED') queue.add(object.metadata.uid)
  })
  return {
    stop() {
      unsubscribe()
      queue.stop()
    },
  }
}
