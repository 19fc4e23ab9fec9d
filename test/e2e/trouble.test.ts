import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { smolLM2 } from '../support/models.ts'
import { Braid, CHROMIUM, SECONDS, type Window } from './support.ts'

describe.skipIf(CHROMIUM === undefined)('when things go wrong, and without a mouse', () => {
  const braid = new Braid()
  beforeAll(async () => {
    await braid.start(await smolLM2())
  })
  afterAll(() => braid.close())

  test('the host crashes in mid-run: the window stays, the run keeps all it had, the next run works', async () => {
    const window = await braid.open()
    const { page } = window
    await window.pose({
      problem: 'Tell a long story about a lighthouse keeper and the sea.',
      paths: 2,
      budget: 400,
      finish: 'last',
      summary: 8,
    })
    await window.untilTokens(1, 8)
    const text = (await window.lane(1).locator('.stream').textContent())!
    braid.killHost()
    await window.untilRun('interrupted')
    expect(await page.locator('[data-notice="interrupted"]').textContent()).toContain(
      'Everything up to this point is saved',
    )
    await expect
      .poll(() => page.locator('[data-connection]').getAttribute('data-connection'), {
        timeout: 60 * SECONDS,
      })
      .toBe('open')
    await expect.poll(() => window.tokens(1)).toBeGreaterThanOrEqual(8)
    const words = (all: string) => all.replace(/[^\p{L}]/gu, '')
    expect(
      words((await window.lane(1).locator('.stream').textContent())!).startsWith(
        words(text).slice(0, 20),
      ),
    ).toBe(true)
    expect([await window.status(1), await window.status(2)]).toContain('interrupted')
    // All paths go on where they were, by one button.
    await page.getByRole('button', { name: 'Continue all paths' }).click()
    await window.untilTokens(2, (await window.tokens(2)) + 4)
    await page.getByRole('button', { name: 'Stop all' }).click()
    await window.untilRun('ended')
    // Summarised again from what was saved.
    await page.locator('.summary [data-command="run.summariseSubset"]').click()
    await page.getByRole('button', { name: 'Summarise 2 paths' }).click()
    await page.locator('.summary .stream').waitFor({ timeout: 60 * SECONDS })
    await window.untilRun('ended')
    await window.pose({
      problem: 'Does the next run work?',
      paths: 2,
      budget: 12,
      finish: 'last',
      summary: 8,
    })
    await window.untilRun('ended')
    await window.context.close()
  })

  test('keyboard only, from the start to the export', async () => {
    const window: Window = await braid.open()
    const { page } = window
    await page.keyboard.press('Alt+N')
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('problem')
    await page.keyboard.type('How many legs do three spiders have?')
    const to = async (name: string) => {
      for (let i = 0; i < 60; i++) {
        const at = await page.evaluate(() => {
          const el = document.activeElement as HTMLElement
          return (
            el.getAttribute('aria-label') ??
            (el as HTMLInputElement).labels?.[0]?.textContent ??
            el.textContent ??
            ''
          )
        })
        if (at.trim().startsWith(name)) return
        await page.keyboard.press('Tab')
      }
      throw new Error(`Tab never came to ${name}`)
    }
    await to('Paths')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('2')
    await to('More settings')
    await page.keyboard.press('Enter')
    await to('Tokens per path')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('24')
    await to('Tokens for the summary')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('12')
    await to('Threads')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('1')
    await page.keyboard.press('Control+Enter')
    await page.waitForURL(/#\/run\//)
    await window.showPaths()
    await window.untilTokens(1, 2)
    await page.keyboard.press('Alt+J')
    await expect.poll(() => page.locator('.lane.active').getAttribute('data-lane')).toBe('p2')
    await window.untilRun('ended')
    await page.keyboard.press('Alt+2')
    await expect.poll(() => page.locator('.lanes.focus').count()).toBe(1)
    await page.keyboard.press('Alt+I')
    await page.getByRole('listbox').waitFor()
    await page.keyboard.press('Alt+B')
    const download = page.waitForEvent('download')
    await window.command('Export as Markdown')
    expect((await download).suggestedFilename()).toMatch(/\.md$/)
    expect(window.trouble).toEqual([])
    await window.context.close()
  })

  test('what cannot be is said in place: no such model, too little text, a run that is not there', async () => {
    const window = await braid.open()
    const { page } = window
    await window.command('Models')
    await page.getByLabel('Add a GGUF file').fill('/nowhere/model.gguf')
    await page.keyboard.press('Enter')
    await expect
      .poll(() => page.locator('.add-model [role=alert]').textContent())
      .toContain('/nowhere/model.gguf')
    await window.command('New run')
    const start = page.getByRole('button', { name: 'Start', exact: true })
    expect(await start.getAttribute('aria-disabled')).toBe('true')
    // The layout may still move under the pointer, so the pointer comes back until the reason is shown.
    await expect
      .poll(
        async () => {
          await page.mouse.move(0, 0)
          await start.hover()
          return page
            .getByRole('tooltip')
            .first()
            .textContent({ timeout: 2000 })
            .catch(() => null)
        },
        { timeout: 60_000 },
      )
      .toContain('enter a problem first')
    await page.evaluate(() => {
      location.hash = '#/run/20990101-000000-nobody'
    })
    await expect
      .poll(() => page.getByRole('alert').first().textContent())
      .toContain('20990101-000000-nobody')
    await window.context.close()
  })

  test('the engine dies three times: it is not started again by itself, the window says so, and one click starts it', async () => {
    const own = await new Braid().start(await smolLM2())
    try {
      const window = await own.open()
      const { page } = window
      const connection = page.locator('[data-connection]')
      for (let death = 1; death <= 3; death++) {
        own.killHost()
        await expect
          .poll(() => connection.getAttribute('data-connection'), {
            timeout: 60 * SECONDS,
            interval: 50,
          })
          .not.toBe('open')
        if (death < 3)
          await expect.poll(() => connection.getAttribute('data-connection')).toBe('open')
        // `open` is the connection to the supervisor; the next host is up once it answers.
        if (death < 3)
          await expect
            .poll(() => page.evaluate(() => document.querySelector('.status-bar')!.textContent), {
              timeout: 60 * SECONDS,
            })
            .toMatch(/Engine ready/)
      }
      await expect.poll(() => connection.getAttribute('data-connection')).toBe('stopped')
      await page.getByRole('button', { name: 'Restart engine' }).click()
      await expect.poll(() => connection.getAttribute('data-connection')).toBe('open')
      await window.pose({ problem: 'Is it back?', paths: 2, budget: 8, finish: 'last', summary: 8 })
      await window.untilRun('ended')
    } finally {
      await own.close()
    }
  })
})
