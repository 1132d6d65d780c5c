/** Owns the composition of what people ask beside the list: why a pod waits, what would happen if, reservations, and whether all agree. */
import type { AskedMemory } from '../app/asked.ts'
import { type CheckParts, checkOn } from '../app/check.ts'
import { explainingOn } from '../app/explain.ts'
import type { Gate } from '../app/gate.ts'
import { importOn } from '../app/import.ts'
import { planningOn } from '../app/plan.ts'
import type { Ports } from '../app/ports.ts'
import { repairOn } from '../app/repair.ts'
import { reservationsOn } from '../app/reservations.ts'
import type { WaitingList } from '../app/waiting.ts'
import { templatePod } from '../kube/template.ts'
import type { Transport } from '../kube/transport.ts'
import { stateWith } from './ledger.ts'

export interface QuestionParts {
  readonly transport: Transport
  readonly lists: CheckParts
  readonly gate: Gate
  readonly waiting: WaitingList
  readonly asked: AskedMemory
}

export function questionsOn(ports: Ports, { transport, lists, gate, waiting, asked }: QuestionParts) {
  const check = checkOn(ports, lists)
  return {
    check,
    repair: repairOn(ports, check),
    explaining: explainingOn(ports, { gate, waiting, asked }),
    reservations: reservationsOn(ports, { newId: () => crypto.randomUUID().slice(0, 13) }),
    importing: importOn(ports),
    planning: planningOn(ports, {
      empty: geometry => stateWith(geometry, []),
      template: owner => templatePod(transport, owner),
      waiting,
    }),
  }
}
