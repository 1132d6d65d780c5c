/** Owns the putting together of the metrics: one registry for this process, what the parts report to, and what is read from them. */
import { Gauge, Registry } from 'prom-client'
import { type GaugeParts, registerGauges } from '../app/gauges.ts'
import type { Reconciled } from '../app/reconcile.ts'
import type { Turn } from '../ledger/ledger.ts'
import { instrumentsIn } from '../lib/metrics.ts'
import { registerProcess } from '../lib/process-metrics.ts'
import { COMMIT, VERSION } from './version.ts'

export function measuring(clock: { now(): number }) {
  const registry = new Registry()
  const instruments = instrumentsIn(registry)
  const own = registerProcess(registry)
  new Gauge({
    name: 'floatip_build_info',
    help: 'Always 1; what runs here.',
    labelNames: ['version', 'commit', 'bun'],
    registers: [registry],
  }).set({ version: VERSION, commit: COMMIT, bun: Bun.version }, 1)

  return {
    ...instruments,
    registry,
    exposition: {
      contentType: registry.contentType,
      metrics() {
        instruments.drain()
        return registry.metrics()
      },
    },
    onTurn: (turn: Turn | null) => (turn === null ? instruments.turnFailed() : instruments.turn(turn)),
    onReconciled({ missing, different, conflicts }: Reconciled): void {
      const kinds = { object_missing: missing, object_different: different, conflict: conflicts.length }
      instruments.compared(kinds, clock.now())
    },
    read: (parts: GaugeParts) => registerGauges(registry, parts),
    stop: () => own.stop(),
  }
}

export type Measured = ReturnType<typeof measuring>
