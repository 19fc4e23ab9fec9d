/** Code, money and tables as the window shows them, while they are written and afterwards. */
import type { Page } from 'playwright-core'
import { describe, expect, test, vi } from 'vitest'
import type { handle } from '../harness/main.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'

vi.setConfig({ testTimeout: 90_000 })

const harness = harnessForTests()
type Handle = typeof handle

const PYTHON = 'def double(n: int) -> str:\n    # twice\n    return "x" * 2'

async function show(page: Page, text: string, run = 'code'): Promise<void> {
  await page.evaluate(
    ({ text, run }) => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      fake.add(
        synthetic.scripted({
          problem: 'x',
          paths: [text],
          summary: 'x',
          answers: [null],
          answer: null,
          run,
        }),
      )
      location.hash = `#/run/${run}`
    },
    { text, run },
  )
  await page.waitForSelector('[data-lane="p1"] .block')
}

describe.skipIf(CHROMIUM === undefined)('code', () => {
  test.each(['light', 'dark'] as const)(
    'has colours, a label, and a Copy that the keyboard reaches, in the %s theme',
    async (theme) => {
      harness.requests.length = 0
      const page = await openPage(harness, '#/', { theme })
      const grammars = () => harness.requests.filter((path) => path.includes('highlight'))
      await show(page, 'Plain words with `inline` code.')
      await page.waitForSelector('[data-lane="p1"] .block.md code')
      expect(grammars(), 'nothing is loaded before there is code').toEqual([])
      await show(page, `So:\n\n\`\`\`python\n${PYTHON}\n\`\`\`\n\nThat is it.`, 'python')
      const block = page.locator('[data-lane="p1"] .code')
      await block.locator('.hljs-keyword').first().waitFor()
      expect(grammars()).toHaveLength(1)
      expect(await block.locator('.code-head > span').textContent()).toBe('Python')
      expect(await block.locator('pre').textContent()).toBe(PYTHON)
      const colours = await block.evaluate((el) =>
        [
          'pre',
          '.hljs-keyword',
          '.hljs-string',
          '.hljs-number',
          '.hljs-comment',
          '.hljs-title',
        ].map((name) => getComputedStyle(el.querySelector(name)!).color),
      )
      expect(new Set(colours).size).toBe(6)

      await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
      await page.locator('[data-lane="p1"] .stream-scroll').focus()
      await page.keyboard.press('Tab')
      const focused = page.locator(':focus')
      expect(await focused.getAttribute('aria-label')).toBe('Copy code: Python')
      await page.keyboard.press('Enter')
      await page.locator('.toasts[aria-live="polite"]').getByText('Copied').waitFor()
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(PYTHON)
      expect(await focused.getAttribute('aria-label'), 'the focus stays').toBe('Copy code: Python')
      await page.context().close()
    },
  )

  test('a long block is drawn in pieces and copied whole', async () => {
    const page = await openPage(harness, '#/')
    const code = Array.from({ length: 900 }, (_, i) => `value_${i} = ${i} * 2`).join('\n')
    await show(page, `\`\`\`py\n${code}\n\`\`\`\n`)
    await page.locator('[data-lane="p1"] .stream-scroll').evaluate((el) => (el.scrollTop = 0))
    const copy = page.getByRole('button', { name: 'Copy code: Python' })
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await copy.click()
    await page.locator('.toasts').getByText('Copied').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code)
    expect(await page.locator('[data-lane="p1"] .code-head').count()).toBe(1)
    expect(await page.locator('[data-lane="p1"] pre').count()).toBeGreaterThan(1)
    await page.context().close()
  })

  test('an open fence is code from its first backtick, and its end moves nothing', async () => {
    const page = await openPage(harness, '#/')
    const frames = await page.evaluate(
      async ({ text }) => {
        const { fake, synthetic, flush, drawWaiting } = (window as never as { harness: Handle })
          .harness
        const events = synthetic.begun('open', 1)
        const started = events.length
        for (let i = 0; i < text.length; i++)
          events.push({
            type: 'tokens',
            at: 400 + i,
            segment: 'p1',
            tokens: [{ id: 1, text: text[i]!, logprob: -1, entropy: 1 }],
          })
        fake.add(events, { status: 'running' }, started)
        location.hash = '#/run/open'
        await new Promise((resolve) => setTimeout(resolve, 500))
        const frames: { seen: string; codes: number; top: number; height: number }[] = []
        for (let i = 0; i < text.length; i++) {
          fake.play('open', 1)
          flush()
          drawWaiting()
          await new Promise((resolve) => requestAnimationFrame(resolve))
          const pane = document.querySelector('[data-lane="p1"] .stream-scroll')!
          const box = pane.querySelector('.code')?.getBoundingClientRect()
          frames.push({
            seen: pane.textContent!,
            codes: pane.querySelectorAll('.code').length,
            top: box?.top ?? -1,
            height: box?.height ?? -1,
          })
        }
        return frames
      },
      { text: `Look:\n\`\`\`python\n${PYTHON}\n\`\`\`\nDone.\n` },
    )
    const first = frames.findIndex(({ codes }) => codes > 0)
    expect(frames[first]!.seen).toBe('Look:\nCodeCopy')
    for (const { codes, seen, top } of frames.slice(first)) {
      expect(codes).toBe(1)
      expect(seen).not.toContain('`')
      expect(Math.abs(top - frames[first]!.top)).toBeLessThanOrEqual(1)
    }
    const heights = frames.slice(first).map(({ height }) => height)
    expect(heights).toEqual([...heights].sort((a, b) => a - b))
    const last = frames.findLastIndex(({ seen }) => seen.includes('"x" * 2'))
    expect(frames[last]!.seen).toContain('PythonCopy')
    const written = frames.findIndex(({ seen }) => seen.includes('"x" * 2'))
    expect(frames[last]!.height).toBeCloseTo(frames[written]!.height, 0)
    await page.context().close()
  })

  test('money, operators and what is half a formula are shown as written', async () => {
    const page = await openPage(harness, '#/')
    await show(
      page,
      'A pen costs $5 and a pad costs $10, so 2*3*4 and a_b_c; `\\(x\\)`.\n\n| what | price |\n|---|---|\n| pen | $5 |\n| pad | $x$ or $10 |\n\n\\[ unfinished',
    )
    const pane = page.locator('[data-lane="p1"] .stream-scroll')
    await pane.locator('table').waitFor()
    const text = await pane.innerText()
    expect(text).toContain('A pen costs $5 and a pad costs $10, so 2*3*4 and a_b_c; \\(x\\).')
    expect(text).toContain('\\[ unfinished')
    expect(await pane.locator('td').allInnerTexts()).toEqual(
      expect.arrayContaining(['pen', '$5', 'pad']),
    )
    expect(await pane.locator('.katex').count()).toBe(1)
    await page.context().close()
  })
})
