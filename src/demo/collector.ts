/** Owns garbage collection: what a deleted owner leaves behind goes too. */
import type { Api } from './api.ts'
import { deletePod } from './pods.ts'
import { type OnFailure, queueOf, type Running } from './queue.ts'
import { PODS, REPLICA_SETS } from './resources.ts'

export function garbageCollector(api: Api, onFailure: OnFailure): Running {
  const queue = queueOf(uid => {
    for (const resource of [REPLICA_SETS, PODS]) {
      for (const object of api.list(resource)) {
        if (!object.metadata.ownerReferences?.some(owner => owner.uid === uid)) continue
        if (resource === PODS) deletePod(api, object)
        else api.delete(resource, object.metadata.namespace, object.metadata.name)
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
