/** Owns what people type where a number or a name is wanted. */
import { UsageFault } from '../lib/exit.ts'

/** `what`: how the complaint names it. */
export function wholeNumber(text: string, what = text): number {
  if (!/^\d+$/.test(text)) throw new UsageFault(`${what} is no number`)
  return Number(text)
}

/** `namespace/name`, or a name in the namespace default; `what`: what it is to be. */
export function namespaced(text: string, what: string): { readonly namespace: string; readonly name: string } {
  const [namespace, name, more] = text.includes('/') ? text.split('/') : ['default', text]
  if (!namespace || !name || more !== undefined) throw new UsageFault(`${text} is no ${what}: write namespace/name`)
  return { namespace, name }
}
