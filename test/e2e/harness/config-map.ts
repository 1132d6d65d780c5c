/** Owns the ConfigMap with the address entries, as a person edits it. */
import type { Kube, KubeObject } from './kube.ts'
import { paths } from './objects.ts'
import type { Stage } from './stage.ts'

export const MAP = `${paths.configMaps('kube-system')}/floatingip-config`

export interface ConfigMap extends KubeObject {
  readonly data?: { readonly floatingips?: string }
}

/** What a scenario changes of an entry; the rest stays as it is. */
export interface RawEntry {
  readonly gateway: string
  readonly ips: readonly string[]
}

export async function written(kube: Kube): Promise<string> {
  return (await kube.get<ConfigMap>(MAP)).data?.floatingips ?? ''
}

export async function write(kube: Kube, floatingips: string): Promise<void> {
  await kube.patch(MAP, { data: { floatingips } })
}

export async function rewrite(kube: Kube, change: (entries: RawEntry[]) => readonly object[]): Promise<void> {
  await write(kube, JSON.stringify(change(JSON.parse(await written(kube)))))
}

/** True of the entry with the plan's name. */
export function isEntry(stage: Pick<Stage, 'entry'>, name: string): (each: RawEntry) => boolean {
  const { gateway } = stage.entry(name)
  return each => each.gateway === gateway
}

export async function setRanges(
  stage: Pick<Stage, 'kube' | 'entry'>,
  name: string,
  ips: readonly string[],
): Promise<void> {
  const isIt = isEntry(stage, name)
  await rewrite(stage.kube, entries => entries.map(each => (isIt(each) ? { ...each, ips } : each)))
}

/** `10.50.4` of the entry with the plan's name. */
export function thirdOf(stage: Pick<Stage, 'entry'>, name: string): string {
  return stage.entry(name).gateway.replace(/\.1$/, '')
}
