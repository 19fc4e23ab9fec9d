/** What has room in the run view: the answer, the turns before it, many paths, and a small window. */
import { describe, expect, test, vi } from 'vitest'
import type { handle } from '../harness/main.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'

vi.setConfig({ testTimeout: 90_000 })

type Handle = typeof handle
/** Waits long enough for a busy machine. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })
const harness = harnessForTests()

describe.skipIf(CHROMIUM === undefined)('room', () => {
  test('a conversation is one column that opens at its end, with room for the answer in a small window', async () => {
    const page = await openPage(harness, '#/run/turn4', {
      scene: 'thread',
      width: 1024,
      height: 700,
    })
    const stage = page.locator('.answer-stage')
    await page.locator('.turn .katex').first().waitFor()
    const left = (el: Element) => el.scrollHeight - el.scrollTop - el.clientHeight
    await soon(() => stage.evaluate(left)).toBeLessThan(2)
    const box = async (what: string) => (await page.locator(what).last().boundingBox())!
    const [turn, answer, text, ask] = [
      await box('.turn'),
      await box('.answer-stage > .summary'),
      await box('.answer-stage .stream-scroll'),
      await box('.ask'),
    ]
    // The end of the last turn stands above the answer, whose text has lines, and nothing lies over the next question.
    expect(turn.y + turn.height).toBeGreaterThan((await box('.answer-stage')).y)
    expect(text.height).toBeGreaterThan(120)
    expect(text.y + text.height).toBeLessThanOrEqual(answer.y + answer.height)
    expect(answer.y + answer.height).toBeLessThanOrEqual(ask.y)
    // The turns have no scroller of their own.
    const own = (el: Element) => getComputedStyle(el).overflowY
    expect(await page.locator('.thread-turns').evaluate(own)).toBe('visible')
    // The reader goes up, and stays there.
    await stage.hover({ position: { x: 20, y: 20 } })
    await page.mouse.wheel(0, -3000)
    await soon(() => stage.evaluate((el) => el.scrollTop)).toBe(0)
    await page.locator('.turn .katex').first().waitFor()
    expect(await stage.evaluate((el) => el.scrollTop)).toBe(0)
    // Beside the paths they have a box, which opens at its end.
    await page.keyboard.press('Alt+1')
    await page.locator('.thread > summary').click()
    await page.locator('.thread-turns .turn').last().waitFor()
    await soon(() => page.locator('.thread-turns').evaluate(left)).toBeLessThan(2)
    await page.context().close()
  })

  test('in a small window a run keeps its pace, its texts in their panels, and its status in the language of the window', async () => {
    const page = await openPage(harness, '#/run/balls/s1', { width: 1024, height: 700 })
    await page.keyboard.press('Alt+A')
    await page.locator('.attr-row').first().waitFor()
    await page.evaluate(() => {
      location.hash = '#/run/balls'
    })
    await page.keyboard.press('Alt+1')
    await page.locator('.attr-strip > li').first().waitFor()
    const heights = () =>
      page.evaluate(() => {
        const box = (what: string) => document.querySelector(what)!.getBoundingClientRect()
        const [summary, text] = [box('.summary'), box('.summary > .stream')]
        return {
          text: text.height,
          outside: Math.max(0, text.bottom - summary.bottom),
          behind: Math.max(0, summary.bottom - box('.side-panel').top),
        }
      })
    await soon(heights).toMatchObject({ outside: 0, behind: 0 })
    expect((await heights()).text).toBeGreaterThan(100)
    // The frame of a boxed answer is mark enough.
    const frames = page.locator('mark:has(.fbox)')
    await frames.first().waitFor()
    expect(await frames.first().evaluate((el) => getComputedStyle(el).backgroundColor)).toBe(
      'rgba(0, 0, 0, 0)',
    )
    const said = page.locator('.status-bar .announce')
    await soon(() => said.textContent()).toBe('Done. Answer: 7/22')
    const speak = (language: string) =>
      page.evaluate(
        (language) =>
          (window as never as { harness: Handle }).harness.usePrefs.setState({ language }),
        language,
      )
    await speak('zh')
    await soon(() => said.textContent()).toMatch(/\p{Script=Han}.*7\/22$/u)
    await speak('en')

    await page.evaluate(() => {
      location.hash = '#/run/live'
    })
    const pace = page.locator('.pace')
    await pace.waitFor()
    expect(await pace.textContent()).toMatch(/tok\/s · at most .* left/)
    expect(await pace.evaluate((el) => el.scrollWidth <= el.clientWidth)).toBe(true)
    const [at, layout] = [
      (await pace.boundingBox())!,
      (await page.getByRole('radiogroup', { name: 'What is shown' }).boundingBox())!,
    ]
    expect(at.x + at.width).toBeLessThanOrEqual(layout.x)

    // An interrupted run has one colour, and says what to do before the next question.
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const events = synthetic.scripted({ ...synthetic.BALLS, run: 'broken-off' }).slice(0, 60)
      fake.add(events, { status: 'interrupted', answer: null })
      location.hash = '#/run/broken-off'
    })
    await page.locator('[data-run-status="interrupted"].warn').waitFor()
    const lane = page.locator('[data-lane="p1"] [data-status="interrupted"]')
    expect(await lane.getAttribute('class')).toBe('pill warn')
    expect(await page.locator('#ask').getAttribute('placeholder')).toBe(
      'the run was interrupted; continue its paths first',
    )
    await page.context().close()
  })

  test('the answer is set to be read, sixteen paths fold into a strip, the split is kept, and a fork takes part in the next summary', async () => {
    const page = await openPage(harness, '#/', { width: 1024, height: 700 })
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const { BALLS, scripted } = synthetic
      const four = [0, 1, 2, 3]
      fake.add(
        scripted({
          ...BALLS,
          run: 'many',
          paths: four.flatMap(() => BALLS.paths),
          answers: four.flatMap(() => [...BALLS.answers.slice(0, 3), null]),
        }),
      )
      location.hash = '#/run/many'
    })
    const chips = page.locator('.path-strip .chip')
    await soon(() => chips.count()).toBe(16)
    const inView = await chips.evaluateAll((all) =>
      all.every((chip) => {
        const { left, right, bottom } = chip.getBoundingClientRect()
        return left >= 0 && right <= innerWidth && bottom <= innerHeight
      }),
    )
    expect(inView).toBe(true)
    // What states no answer stands last and cannot be chosen.
    const last = page.locator('.vote').last()
    expect(await last.textContent()).toContain('no answer')
    expect(await page.getByRole('radiogroup', { name: 'Votes' }).getByRole('radio').count()).toBe(2)
    expect(await page.locator('.vote').count()).toBe(3)
    expect(await last.getByRole('radio').count()).toBe(0)

    await page.setViewportSize({ width: 1440, height: 900 })
    const line = () =>
      page.locator('.answer-stage .stream-scroll').evaluate((el) => {
        const { paddingLeft, paddingRight, fontSize, fontFamily } = getComputedStyle(el)
        const pen = document.createElement('canvas').getContext('2d')!
        pen.font = `${fontSize} ${fontFamily}`
        const words = 'The probability that both are blue is the product of the two, as drawn.'
        const width = el.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)
        return {
          characters: (width / pen.measureText(words).width) * words.length,
          size: parseFloat(fontSize),
        }
      })
    await soon(async () => (await line()).characters).toBeGreaterThanOrEqual(70)
    const { characters, size } = await line()
    expect(characters).toBeLessThanOrEqual(80)
    expect(size).toBeGreaterThanOrEqual(15)

    const split = page.getByRole('separator', { name: 'Width of the side panels' })
    const share = () => split.getAttribute('aria-valuenow').then(Number)
    const before = await share()
    await split.focus()
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowLeft')
    await soon(share).toBeGreaterThan(before)
    const moved = await share()
    await page.reload()
    await page.evaluate(() => {
      location.hash = '#/run/balls'
    })
    await soon(share).toBe(moved)

    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const events = synthetic.scripted({ ...synthetic.BALLS, run: 'forked' })
      const { at } = events.at(-1)!
      fake.add([
        ...events,
        { ...synthetic.pathStarted(5, at + 1), source: { type: 'branch', of: 'p1', at: 9 } },
        { type: 'segment-ended', at: at + 2, segment: 'p5', reason: 'stopped', answer: null },
      ])
      location.hash = '#/run/forked'
    })
    await page.locator('[data-run-view="forked"] .summary').waitFor()
    await page.locator('.summary [data-command="run.summariseSubset"]').click()
    expect(await page.getByRole('checkbox', { name: /^Path 5/ }).isChecked()).toBe(true)
    await page.getByRole('button', { name: 'Summarise 5 paths' }).waitFor()
    await page.context().close()
  })
})
