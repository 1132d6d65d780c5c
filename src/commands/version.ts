/** Owns the version: from package.json and the commit, both fixed when the binary is built. */
import { version } from '../../package.json'

declare const FLOATIP_COMMIT: string | undefined

export const VERSION = version
export const COMMIT = typeof FLOATIP_COMMIT === 'string' ? FLOATIP_COMMIT : 'source'
