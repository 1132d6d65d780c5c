/** Owns what a page of another site may do here, in the browser of somebody who reaches floatip: read nothing, as it gets no CORS headers, and change nothing. */
import { failure, JSON_TYPE } from './answers.ts'

const READING = ['GET', 'HEAD', 'OPTIONS']
/** Browsers say so of every request, and no page can say otherwise; scripts say nothing. `none`: typed by the person. */
const OURS = [null, 'same-origin', 'none']

interface Asked {
  readonly request: Request
  readonly set: { status?: number | string; headers: Record<string, string | number> }
}

/** For `onRequest`. Nobody is asked for a password here: without this, a page could release addresses over a `kubectl port-forward`. */
export function refuseOtherSites({ request, set }: Asked) {
  if (READING.includes(request.method) || OURS.includes(request.headers.get('sec-fetch-site'))) return undefined
  set.status = 403
  set.headers['content-type'] = JSON_TYPE
  return failure(403, 'a page of another site may change nothing here')
}
