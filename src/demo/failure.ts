/** Owns the errors of the miniature API server: each is a Status, in the words of the real one. */

export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: object
  readonly status: 'Failure' | 'Success'
  readonly reason?: string
  readonly message?: string
  readonly details?: object
  readonly code: number
}

export class ApiFailure extends Error {
  override readonly name = 'ApiFailure'
  readonly status: Status

  constructor(code: number, reason: string, message: string, details: object = {}) {
    super(message)
    this.status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code }
  }
}

export function isFailure(thrown: unknown, reason: string): boolean {
  return thrown instanceof ApiFailure && thrown.status.reason === reason
}

/** Which object a failure is about. */
export interface About {
  readonly group: string
  readonly plural: string
}

function detailsOf({ group, plural }: About, name: string): object {
  return { name, kind: plural, ...(group !== '' && { group }) }
}

function nameOf({ group, plural }: About): string {
  return group === '' ? plural : `${plural}.${group}`
}

export function notFound(about: About, name: string): ApiFailure {
  return new ApiFailure(404, 'NotFound', `${nameOf(about)} "${name}" not found`, detailsOf(about, name))
}

export function noSuchPath(): ApiFailure {
  return new ApiFailure(404, 'NotFound', 'the server could not find the requested resource')
}

export function alreadyExists(about: About, name: string): ApiFailure {
  return new ApiFailure(409, 'AlreadyExists', `${nameOf(about)} "${name}" already exists`, detailsOf(about, name))
}

export function conflict(about: About, name: string, why: string): ApiFailure {
  const message = `Operation cannot be fulfilled on ${nameOf(about)} "${name}": ${why}`
  return new ApiFailure(409, 'Conflict', message, detailsOf(about, name))
}

export function precondition(about: About, name: string, what: string, asked: string, is: string): ApiFailure {
  return conflict(about, name, `Precondition failed: ${what} in precondition: ${asked}, ${what} in object meta: ${is}`)
}

export function badRequest(message: string): ApiFailure {
  return new ApiFailure(400, 'BadRequest', message)
}

export function unprocessable(message: string): ApiFailure {
  return new ApiFailure(422, 'Invalid', message)
}

export function expired(message: string): ApiFailure {
  return new ApiFailure(410, 'Expired', message)
}
