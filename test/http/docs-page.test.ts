/** Owns the reference page as a person sees it, in a browser that reaches nothing but floatip. `FLOATIP_SCREENSHOT=<file>` keeps its picture. */
import { afterEach, expect, test } from 'bun:test'
import { closeWorlds, openWorld } from '../app/world.ts'
import { CHROMIUM, visit } from './browser.ts'

afterEach(closeWorlds)

test.skipIf(CHROMIUM === undefined)(
  'the page shows every route, and asks one of them; nothing comes from elsewhere',
  async () => {
    const world = await openWorld()
    world.apiPort.listen({ hostname: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${world.apiPort.server?.port}/docs`
    try {
      await visit(url, async ({ page, outside, errors }) => {
        await page.waitForSelector('.opblock')
        const shown = await page.$$eval('.opblock-summary', rows =>
          rows.map(row => row.textContent?.replaceAll('\u200b', '') ?? ''),
        )
        const routes = world.apiPort.routes.filter(({ path }) => !path.startsWith('/docs'))
        for (const { method, path } of routes) {
          const text = path.replace(/:(\w+)/g, '{$1}')
          expect(shown.some(each => each.includes(method) && each.includes(text))).toBe(true)
        }
        expect(shown).toHaveLength(routes.length)
        const picture = process.env.FLOATIP_SCREENSHOT
        if (picture) await page.screenshot({ path: picture })

        const config = page.locator('#operations-subnets-getV1Config')
        await config.locator('.opblock-summary-control').click()
        await config.getByRole('button', { name: 'Try it out' }).click()
        await config.getByRole('button', { name: 'Execute' }).click()
        await config.locator('.live-responses-table .response-col_status', { hasText: '200' }).first().waitFor()
        expect(await config.locator('.live-responses-table').textContent()).toContain('kube-system/floatingip-config')
        expect({ outside, errors }).toEqual({ outside: [], errors: [] })
      })
    } finally {
      await world.apiPort.stop(true)
    }
  },
  60_000,
)
