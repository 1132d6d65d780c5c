/** Owns the URL of a request. */

/** In its place where the Host header is none: then the request has a path alone, and there has to be an answer all the same. */
const ANYWHERE = 'http://localhost'

export function urlOf({ url }: Request): URL {
  return URL.parse(url, ANYWHERE) ?? new URL(ANYWHERE)
}
