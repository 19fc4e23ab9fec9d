/** Reading long and live text: following, keeping the reading place, finding, and the window before the first run. */
import type { Page } from 'playwright-core'
import { describe, expect, test, vi } from 'vitest'
import type { RunEvent } from '../../../engine/protocol/events.ts'
import type { handle } from '../harness/main.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'

vi.setConfig({ testTimeout: 90_000 })

const harness = harnessForTests()
type Handle = typeof handle

/** A live run of two paths with long texts, played on demand. */
async function longRun(page: Page, paths: number[] = [4000, 4000], later = 400): Promise<void> {
  await page.evaluate(
    async ({ paths, later }) => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const next = synthetic.random(3)
      const start = synthetic.begun('long', paths.length, { budget: 400_000 })
      paths.forEach(
        (count, i) =>
          count > 0 &&
          start.push({
            type: 'tokens',
            at: 400,
            segment: `p${i + 1}`,
            tokens: synthetic.prose(count, next),
          }),
      )
      const more: RunEvent[] = Array.from({ length: later }, (_, i) => ({
        type: 'tokens',
        at: 500 + i * 30,
        segment: `p${1 + (i % paths.length)}`,
        tokens: synthetic.prose(12, next),
      }))
      fake.add([...start, ...more], { status: 'running' }, start.length)
      location.hash = '#/run/long'
    },
    { paths, later },
  )
  await page.waitForSelector('[data-lane="p1"] .stream')
  await page.waitForTimeout(600)
}
const play = (page: Page, events: number) =>
  page.evaluate((count) => {
    ;(window as never as { harness: Handle }).harness.fake.play('long', count)
  }, events)
const scroller = (path: number) => `[data-lane="p${path}"] .stream-scroll`
const place = (page: Page, path: number) =>
  page.locator(scroller(path)).evaluate((el) => ({
    top: Math.round(el.scrollTop),
    left: Math.round(el.scrollHeight - el.scrollTop - el.clientHeight),
  }))

describe.skipIf(CHROMIUM === undefined)('reading', () => {
  test('live text is followed near its end, never after the reader scrolled up, and again by one click', async () => {
    const page = await openPage(harness, '#/')
    await longRun(page)
    expect((await place(page, 1)).left).toBeLessThan(40)
    await play(page, 40)
    await page.waitForTimeout(500)
    expect((await place(page, 1)).left).toBeLessThan(40)
    expect(await page.locator('[data-lane="p1"] .jump').count()).toBe(0)

    await page.locator(scroller(1)).hover()
    await page.mouse.wheel(0, -900)
    await page.waitForTimeout(300)
    const { top } = await place(page, 1)
    await play(page, 40)
    await page.waitForTimeout(500)
    const after = await place(page, 1)
    expect(Math.abs(after.top - top)).toBeLessThan(5)
    expect(after.left).toBeGreaterThan(300)
    expect((await place(page, 2)).left).toBeLessThan(40) // the other lane still follows

    await page.locator('[data-lane="p1"] .jump').click()
    await play(page, 20)
    await page.waitForTimeout(500)
    expect((await place(page, 1)).left).toBeLessThan(40)
    await page.context().close()
  })

  test('the reading place of a path survives another layout, another tab and another view', async () => {
    const page = await openPage(harness, '#/')
    await longRun(page)
    await page.locator(scroller(2)).hover()
    await page.mouse.wheel(0, -1500)
    await page.waitForTimeout(300)
    const line = () =>
      page.locator(scroller(2)).evaluate((el) => {
        const box = el.getBoundingClientRect()
        return document
          .elementFromPoint(box.left + 30, box.top + 3)
          ?.closest('.row-block')
          ?.textContent?.slice(0, 40)
      })
    const words = await line()
    await page.evaluate(() => {
      location.hash = '#/history'
    })
    await page.waitForSelector('.history-row')
    await page.evaluate(() => {
      location.hash = '#/run/long'
    })
    await page.waitForSelector(scroller(2))
    await page.waitForTimeout(600)
    expect(await line()).toBe(words)

    await page.keyboard.press('Alt+3')
    await page.getByRole('tab').nth(1).click()
    await page.waitForSelector(scroller(2))
    await page.getByRole('tab').nth(0).click()
    await page.waitForSelector(scroller(1))
    await page.getByRole('tab').nth(1).click()
    await page.waitForTimeout(500)
    expect(await line()).toBe(words) // wider, but at the same place
    await page.context().close()
  })

  test('the answer of a vote is read from its beginning, though its path was followed to the end', async () => {
    const page = await openPage(harness, '#/')
    const live = await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const reasons = Array.from({ length: 60 }, (_, i) => `Step ${i} leaves ${i + 1}.`)
      const path = [...reasons, 'So the answer is 61.'].join('\n\n')
      const events = synthetic
        .scripted({
          problem: 'How many are left?',
          paths: [path, path],
          summary: 'x',
          answers: ['61', '61'],
          answer: '61',
          run: 'long',
          settings: { strategy: 'majority' },
        })
        .filter((event) => !('segment' in event && event.segment === 's1'))
      const ends = events.findIndex((event) => event.type === 'segment-ended')
      fake.add(events, { status: 'running' }, ends)
      location.hash = '#/run/long'
      return events.length - ends
    })
    await page.waitForSelector('[data-lane="p1"] .stream')
    await expect.poll(async () => (await place(page, 1)).left).toBeLessThan(40)
    expect((await place(page, 1)).top).toBeGreaterThan(300)
    await play(page, live)
    const answer = page.locator('.summary .stream-scroll')
    await expect.poll(() => answer.textContent()).toContain('Step 0 leaves 1.')
    expect(await answer.evaluate((el) => el.scrollTop)).toBe(0)
    await page.context().close()
  })

  test('a path of 1 MB is in the page by what is seen of it, and can be read to both ends', async () => {
    const page = await openPage(harness, '#/')
    await longRun(page, [200_000], 4)
    const blocks = () => page.locator('[data-lane="p1"] .row-block').count()
    expect(await blocks()).toBeLessThan(40)
    const first = await page.evaluate(() =>
      (window as never as { harness: Handle }).harness.useRuns
        .getState()
        .open.long!.shown.paths[0]!.text.slice(0, 60)
        .trim(),
    )
    await page.locator(scroller(1)).evaluate((el) => {
      el.scrollTop = 0
    })
    await page.waitForTimeout(400)
    expect(
      (await page.locator('[data-lane="p1"] .stream').textContent())!
        .trim()
        .startsWith(first.slice(0, 30)),
    ).toBe(true)
    expect(await blocks()).toBeLessThan(40)
    await page.context().close()
  })

  test('a text whose formatting never ends or breaks its worker stays plain, and the others are formatted', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const post = Worker.prototype.postMessage
      Worker.prototype.postMessage = function (this: Worker, message: { text: string }) {
        if (message.text.includes('hangs')) return
        if (message.text.includes('breaks')) this.onerror?.(new ErrorEvent('error'))
        else post.call(this, message)
      }
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      fake.add(
        synthetic.scripted({
          problem: 'x',
          paths: ['This **hangs**.\n\nThis **breaks**.\n\nThis **stands**.'],
          summary: 'It **stands**, too.',
          answers: [null],
          answer: null,
          run: 'broken',
        }),
      )
      location.hash = '#/run/broken'
    })
    await expect
      .poll(() => page.locator('.block.md strong').allTextContents(), { timeout: 20_000 })
      .toEqual(['stands', 'stands'])
    expect(await page.locator('.lane .block.plain').allTextContents()).toEqual([
      'This **hangs**.',
      'This **breaks**.',
    ])
    // One path has no votes, and diverges from nothing.
    expect(await page.locator('.side-tabs button').allTextContents()).toEqual(['Summary'])
    expect(await page.locator('.side .panel').count()).toBe(1)
    await page.context().close()
  })

  test('a growing table is drawn from its second row on; an opened thought shows no marker', async () => {
    const page = await openPage(harness, '#/run/thinking', { scene: 'texts' })
    await page.keyboard.press('Alt+1')
    const lane = page.locator('[data-lane="p1"]')
    await lane.locator('.thought-bar').click()
    await expect.poll(() => lane.locator('.stream-scroll').textContent()).toMatch(/\S.*\S/)
    expect(await lane.locator('.stream-scroll').textContent()).not.toContain('think>')

    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const rows = ['Two offers:\n', '| a | b |\n', '|---|---|\n', '| 1 | 2 |\n', '| 3 |', ' 4 |\n']
      const events = rows.map((text, i): RunEvent => ({
        type: 'tokens',
        at: 400 + i,
        segment: 'p1',
        tokens: [{ id: i, text, logprob: -1, entropy: 1 }],
      }))
      const start = synthetic.begun('table', 1)
      fake.add([...start, ...events], { status: 'running' }, start.length + 2)
      location.hash = '#/run/table'
    })
    const text = page.locator('[data-lane="p1"] .stream-scroll')
    await expect.poll(() => text.textContent()).toContain('| a | b |')
    expect(await text.locator('table').count()).toBe(0)
    const more = (count: number) =>
      page.evaluate(
        (count) => (window as never as { harness: Handle }).harness.fake.play('table', count),
        count,
      )
    await more(3)
    await expect.poll(() => text.locator('td').allTextContents()).toEqual(['1', '2'])
    expect(await text.locator('.block.plain').textContent()).toBe('| 3 |')
    await more(1)
    await expect.poll(() => text.locator('td').count()).toBe(4)
    await page.context().close()
  })

  test('find: every place in every path and the summary, by the keyboard, the one at hand scrolled to', async () => {
    const page = await openPage(harness, '#/run/balls')
    await page.keyboard.press('Control+F')
    await page.keyboard.type('replace')
    await expect
      .poll(() => page.locator('.find [role=status]').textContent())
      .toMatch(/^[1-9]\d* match(es)?$/)
    const count = Number((await page.locator('.find [role=status]').textContent())!.split(' ')[0])
    await expect.poll(() => page.locator('.find-hit').count()).toBe(count)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.find-hit.current').count()).toBe(1)
    await expect.poll(() => page.locator('.row-block.flash').count()).toBeGreaterThan(0)
    await page.keyboard.press('Escape')
    expect(await page.locator('.find').count()).toBe(0)
    await page.context().close()
  })

  test('tokens: whitespace is shown on demand; arrows move by token, path and sibling', async () => {
    const page = await openPage(harness, '#/run/balls/p1/2')
    const list = page.getByRole('listbox')
    await list.focus()
    expect(await list.textContent()).not.toContain('␣')
    await page.keyboard.press('Alt+W')
    expect(await list.textContent()).toContain('␣')
    const at = () => page.locator('.token-detail h2').textContent()
    const path = () =>
      page.locator('.inspect-head [aria-checked=true]').first().getAttribute('aria-label')
    await page.keyboard.press('ArrowRight')
    expect(await at()).toBe('Token 3')
    await page.keyboard.press('End')
    await page.keyboard.press('ArrowRight')
    const last = await at()
    await page.keyboard.press('Home')
    expect(await at()).toBe('Token 0')
    expect(last).not.toBe('Token 0')
    await page.keyboard.press('ArrowDown')
    expect(await path()).toBe('Path 2')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight') // all paths begin with "Okay", then they diverge
    await page.keyboard.press('Shift+ArrowDown')
    expect(await path()).toBe('Path 3')
    await page.context().close()
  })

  test('“Summarise now” says why it cannot be used while no path has text', async () => {
    const page = await openPage(harness, '#/')
    await longRun(page, [0, 0], 40)
    const now = page.locator('.run-head [data-command="run.summariseNow"]')
    expect(await now.getAttribute('aria-disabled')).toBe('true')
    await now.hover()
    await expect
      .poll(() => page.getByRole('tooltip').textContent())
      .toContain('no path has text yet')
    await play(page, 10)
    await expect.poll(() => now.getAttribute('aria-disabled')).toBe('false')
    await page.context().close()
  })

  test('first minute: with no model and no run the window teaches, gives examples, and replays a transcript by itself', async () => {
    const page = await openPage(harness, '#/', { scene: 'empty' })
    await page.locator('.teach .picture').waitFor()
    expect(await page.locator('.teach').textContent()).toContain('GGUF')
    const example = page.locator('.example').first()
    const words = await example.textContent()
    expect(await page.locator('[data-measured]').textContent()).toMatch(
      /1 path solves 40 %, 8 paths solve 85 %\.$/,
    )
    await page.getByRole('button', { name: 'Replay a recorded run' }).click()
    const slider = page.getByRole('slider', { name: 'Position in the run' })
    await slider.waitFor()
    const speed = page.getByRole('combobox', { name: 'Speed' })
    const [least, most] = await slider.evaluate((el) => [
      Number((el as HTMLInputElement).min),
      Number((el as HTMLInputElement).max),
    ])
    const watched = (most! - least!) / 1000 / Number(await speed.inputValue())
    expect(watched).toBeGreaterThanOrEqual(20)
    expect(watched).toBeLessThanOrEqual(40)
    await page.getByRole('combobox', { name: 'Speed' }).selectOption('16')
    await expect
      .poll(() => page.locator('[data-lane]').count(), { timeout: 20_000 })
      .toBeGreaterThan(1)
    await expect
      .poll(() => page.locator('.summary .stream').textContent(), { timeout: 60_000 })
      .not.toBe('')
    expect(await page.locator('.summary .answer-text').textContent()).toContain('32')
    // Without a model, no run can start.
    expect(
      await page.locator('.summary [data-command="run.attribution"]').getAttribute('aria-disabled'),
    ).toBe('true')
    await page.keyboard.press('Alt+N')
    await example.click()
    expect(await page.getByLabel('Problem', { exact: true }).inputValue()).toBe(words)
    // The others stay at hand, in one line.
    expect(await page.locator('.example').count()).toBe(4)
    const tops = await page
      .locator('.example')
      .evaluateAll((all) => all.map((el) => el.getBoundingClientRect().top))
    expect(new Set(tops).size).toBe(1)
    // The recorded run is there again by its name.
    await page.keyboard.press('Control+K')
    await page.getByPlaceholder('Type a command or the name of a run').fill('recorded')
    await page.getByRole('option', { name: /^Replay the recorded run/ }).click()
    await slider.waitFor()
    // The model has the name that its file gets in the library.
    expect(await page.locator('.facts').textContent()).toMatch(/^Qwen2\.5 Coder 1\.5B Instruct ·/)
    await page.context().close()
  })

  test('first minute: one key pauses the recorded run, one goes from caption to caption, and each has its mark on the time line', async () => {
    const page = await openPage(harness, '#/', { scene: 'empty', width: 1024, height: 700 })
    await page.getByRole('button', { name: 'Replay a recorded run' }).click()
    const slider = page.getByRole('slider', { name: 'Position in the run' })
    const caption = page.locator('.replay-caption [role="status"]')
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.keyboard.press('k')
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor()
    const at = () => slider.inputValue().then(Number)
    const paused = await at()
    const marks = page.locator('.replay-mark')
    const names = await marks.evaluateAll((all) => all.map((el) => el.getAttribute('aria-label')!))
    expect(names.length).toBeGreaterThanOrEqual(3)
    await page.keyboard.press('Home') // not the slider's: it has no focus
    await slider.focus()
    await page.keyboard.press('Home')
    for (const name of names) {
      await page.keyboard.press('n')
      await expect.poll(() => caption.textContent()).toBe(name)
    }
    expect(await at()).toBeGreaterThan(paused)
    // The last caption is the end: there is none to go to, and the answer is drawn.
    expect(
      await page.locator('.replay [data-command="replay.next"]').getAttribute('aria-disabled'),
    ).toBe('true')
    expect(await page.locator('.summary .answer-text').textContent()).toContain('32')
    // A mark goes to its moment, by the keyboard too: what the caption names is on the screen.
    const wrong = names.findIndex((name) => name.startsWith('Path 1 goes wrong'))
    await marks.nth(wrong).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => caption.textContent()).toBe(names[wrong])
    expect(await marks.nth(wrong).getAttribute('aria-current')).toBe('step')
    await expect
      .poll(() => page.locator('[data-lane="p1"] .stream').textContent())
      .toMatch(/remaining 3 jars are paid/)
    expect(await page.locator('.replay').textContent()).toMatch(
      /Recorded with Qwen2\.5 Coder 1\.5B.*seed 1; chosen because its paths disagree/,
    )
    // The status bar keeps quiet: captions tell more than its counts.
    expect(await page.locator('.status-bar [role="status"]').textContent()).toBe('')
    await slider.focus()
    await page.keyboard.press('k')
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.context().close()
  })

  test('what the host says of runs is told alike: in the head, the title and the list, and how one ended until it is seen', async () => {
    const page = await openPage(harness, '#/run/live')
    const push = (doing: object | null, more: object = {}) =>
      page.evaluate(
        ({ doing, more }) =>
          (window as never as { harness: Handle }).harness.fake.push({
            kind: 'activity',
            runs: [
              {
                run: 'live',
                title: 'Balls',
                model: 'm',
                status: 'running',
                answer: null,
                doing,
                ...more,
              },
            ],
          }),
        { doing, more },
      )
    expect(await page.title()).toBe('Braid')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const at = fake.runs.get('live')!.events.at(-1)!.at
      const ends = ['p1', 'p2', 'p3', 'p4'].map((segment) => ({
        type: 'segment-ended' as const,
        at,
        segment,
        reason: 'finished' as const,
        answer: null,
      }))
      const summary = synthetic.summaryStarted('s1', ['p1', 'p2', 'p3', 'p4'])
      fake.push({ kind: 'events', run: 'live', events: [...ends, { ...summary, at }] })
    })
    await push({ phase: 'reading', paths: 4, fraction: 0.43 })
    const head = page.locator('[data-run-status]')
    await expect.poll(() => head.textContent()).toBe('Reading 4 paths 43 %')
    await expect.poll(() => page.title()).toBe('Reading 4 paths 43 % – Balls – Braid')
    expect(await page.locator('.summary [data-reading] progress').getAttribute('value')).toBe(
      '0.43',
    )
    await expect
      .poll(() => page.locator('.status-bar .announce').textContent())
      .toBe('Reading 4 paths 43 %')
    expect(await page.locator('.status-bar [role="status"]').textContent()).toMatch(
      /^Reading 4 paths/,
    )
    await page.keyboard.press('Alt+H')
    await expect
      .poll(() => page.locator('.history-row[data-run="live"] .pill').first().textContent())
      .toBe('Reading 4 paths 43 %')
    await page.evaluate(() => {
      document.hasFocus = () => false
    })
    await push(null, { status: 'ended', answer: '32' })
    await expect.poll(() => page.title()).toBe('Done. Answer: 32 – Balls – Braid')
    await page.evaluate(() => {
      document.hasFocus = () => true
      dispatchEvent(new Event('focus'))
    })
    await expect.poll(() => page.title()).toBe('Braid')
    await page.context().close()
  })
})
