/** Owns the table of every metric, from the registry itself; run as a program it prints what docs/reference/metrics.md is to say. */
import type { GaugeParts } from '../../src/app/gauges.ts'
import { measuring } from '../../src/commands/measure.ts'

export interface NamedMetric {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

export function everyMetric(): readonly NamedMetric[] {
  const metrics = measuring({ now: () => 0 })
  // Nothing is read: names, types and labels are known when the metrics are registered.
  metrics.read({} as GaugeParts)
  metrics.stop()
  return metrics.registry
    .getMetricsAsArray()
    .map(metric => {
      const { name, help, labelNames } = metric as unknown as { name: string; help: string; labelNames: string[] }
      return { name, type: metric.constructor.name.toLowerCase(), labels: labelNames, help }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** As Prometheus stores them: a histogram is three. */
export function seriesNames(): ReadonlySet<string> {
  return new Set(
    everyMetric().flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  )
}

export function metricsTable(): string {
  const rows = everyMetric().map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(', ')} | ${help} |`,
  )
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

if (import.meta.main) console.log(metricsTable())
