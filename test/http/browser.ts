/** Owns the browser of the tests: Debian's Chromium without a window, and with no way out of this machine. */
import { type Browser, chromium, type Page } from 'playwright-core'

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  path => Bun.file(path).size > 0,
)

export interface Visit {
  readonly page: Page
  /** What the page asked for that is not on this machine, and was refused. */
  readonly outside: string[]
  /** What went wrong on it. */
  readonly errors: string[]
}

/** Opens the page and closes everything again. */
export async function visit(url: string, see: (visit: Visit) => Promise<void>): Promise<void> {
  // As root (in a container) its sandbox cannot be set up; the only page it sees is ours.
  const options = { args: ['--no-sandbox'], ...(CHROMIUM !== undefined && { executablePath: CHROMIUM }) }
  const browser: Browser = await chromium.launch(options)
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1500 } })
    const outside: string[] = []
    const errors: string[] = []
    await page.route('**/*', route => {
      const { protocol, hostname } = new URL(route.request().url())
      if (protocol === 'data:' || hostname === '127.0.0.1') return route.continue()
      outside.push(route.request().url())
      return route.abort()
    })
    page.on('console', message => {
      if (message.type() === 'error') errors.push(message.text())
    })
    page.on('pageerror', error => errors.push(error.message))
    page.on('response', response => {
      if (response.status() >= 400) errors.push(`${response.status()} ${response.url()}`)
    })
    await page.goto(url)
    await see({ page, outside, errors })
  } finally {
    await browser.close()
  }
}
