/** Owns the reference page and the API's description, all from files in the binary: nothing is loaded from elsewhere. */
import { type AnyElysia, Elysia } from 'elysia'
import styles from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' }
import bundle from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' }
import page from './docs.html' with { type: 'file' }
import start from './docs-start.js' with { type: 'file' }
import { describe, type OpenApi } from './openapi.ts'
import { apiDeclaration, resourceListing } from './swagger-12.ts'
import { urlOf } from './url.ts'

/** Bun would build a page from the HTML file; as a file it is a path like the others. */
const FILES = {
  '/docs': [page as unknown as string, 'text/html; charset=utf-8'],
  '/docs/swagger-ui.css': [styles, 'text/css; charset=utf-8'],
  '/docs/swagger-ui-bundle.js': [bundle, 'text/javascript; charset=utf-8'],
  '/docs/start.js': [start, 'text/javascript; charset=utf-8'],
} as const

/** The page may load from nowhere but here; the bundle writes styles into the page, and its icons are data. */
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

export interface DocsParts {
  /** The routes to describe. */
  readonly routes: () => AnyElysia
  readonly version: string
  /** Also in Swagger 1.2 (`--swagger`). */
  readonly swagger12: boolean
}

export function docsRoutes({ routes, version, swagger12 }: DocsParts) {
  let described: Promise<OpenApi> | undefined
  const description = () => {
    described ??= describe(routes(), version)
    return described
  }
  const hidden = { detail: { hide: true } }
  const app = new Elysia({ name: 'docs' }).get('/docs/json', description, hidden)
  for (const [path, [file, type]] of Object.entries(FILES)) {
    const headers = { 'content-type': type, 'content-security-policy': POLICY, 'cache-control': 'no-cache' }
    app.get(path, () => new Response(Bun.file(file), { headers }), hidden)
  }
  if (swagger12) {
    app.get('/apidocs.json', async () => resourceListing(await description()), hidden)
    app.get(
      '/apidocs.json/v1',
      async ({ request }) => apiDeclaration(await description(), urlOf(request).origin),
      hidden,
    )
  }
  return app
}
