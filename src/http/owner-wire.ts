/** Owns galaxy-ipam's names for an owner: kinds such as `deployment`, and fields that are left out when empty. */
import { DEPLOYMENT, NO_CONTROLLER, type Owner, STATEFUL_SET } from '../domain/owner.ts'

/** Kinds as the API names them; others stand for themselves in lower case. */
const APP_TYPES: Readonly<Record<string, string>> = { [DEPLOYMENT]: 'deployment', [STATEFUL_SET]: 'statefulset' }

/** As kubectl has them short; those of owner keys are kinds already. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ['sts', STATEFUL_SET],
  ['deploy', DEPLOYMENT],
])

/** The kind that an appType names; short, plural and any case accepted. */
export function kindOf(appType: string): string {
  const lower = appType.toLowerCase()
  if (lower === NO_CONTROLLER.toLowerCase()) return NO_CONTROLLER
  const short = SHORT.get(lower)
  if (short !== undefined) return short
  const singular = lower.endsWith('s') ? lower.slice(0, -1) : lower
  return Object.keys(APP_TYPES).find(kind => APP_TYPES[kind] === singular) ?? singular
}

export function encodeOwner({ namespace, workload, pod, pool, kind }: Owner) {
  const texts = { namespace, appName: workload, podName: pod, poolName: pool, appType: APP_TYPES[kind] ?? kind }
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== '')) as Partial<typeof texts>
}
