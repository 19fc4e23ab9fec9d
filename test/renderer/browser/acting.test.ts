/** Pointer and keyboard on lanes and lists, in a real browser. */
import { describe, expect, test, vi } from 'vitest'
import type { handle } from '../harness/main.ts'
import { crowded } from './layout.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'

vi.setConfig({ testTimeout: 90_000 })

type Handle = typeof handle
/** Waits long enough for a busy machine. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })
const harness = harnessForTests()

describe.skipIf(CHROMIUM === undefined)('acting', () => {
  test('the history is filtered by model, strategy and state, one after another', async () => {
    const page = await openPage(harness, '#/history')
    await page.evaluate(() => {
      const { fake } = (window as never as { harness: Handle }).harness
      const change = (run: string, summary: object) =>
        Object.assign(fake.runs.get(run)!.summary, summary)
      change('more1', { model: 'Qwen3 4B', strategy: 'majority' })
      change('more2', { model: 'Qwen3 4B', outcome: 'stopped' })
      change('more3', { strategy: 'majority', outcome: 'stopped' })
      fake.push({ kind: 'changed', what: 'runs' })
    })
    const runs = () =>
      page
        .locator('.history-row')
        .evaluateAll((rows) =>
          rows.map((row) => /Problem (\d+):/.exec(row.textContent!)?.[1]).sort(),
        )
    const filter = (name: string) => page.getByRole('combobox', { name })
    await filter('All models').selectOption('Qwen3 4B')
    await soon(runs).toEqual(['1', '2'])
    await filter('All strategies').selectOption('Majority vote')
    await soon(runs).toEqual(['1'])
    await filter('All strategies').selectOption('All strategies')
    await filter('All states').selectOption('Stopped')
    await soon(runs).toEqual(['2'])
    await filter('All models').selectOption('All models')
    await soon(runs).toEqual(['2', '3'])
    await page.context().close()
  })

  test('the palette opens at what works now; what does not comes last, with the reason', async () => {
    const page = await openPage(harness, '#/history')
    await page.keyboard.press('Control+K')
    const list = page.locator('.palette-list')
    await list.getByRole('option').first().waitFor()
    expect(await list.evaluate((el) => el.scrollTop)).toBe(0)
    const off = await list
      .getByRole('option')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-disabled') === 'true'))
    expect(off[0]).toBe(false)
    expect(off.indexOf(true)).toBe(off.lastIndexOf(false) + 1)
    expect(await list.getByRole('option').last().textContent()).toMatch(/\S/)
    await page.context().close()
  })

  test('focus layout: the buttons of small lanes act, and a click makes a lane the large one', async () => {
    const page = await openPage(harness, '#/run/balls', { height: 560 })
    await page.keyboard.press('Alt+2')
    const main = page.locator('.lane.main')
    expect(await main.getAttribute('data-lane')).toBe('p1')
    const box = (await main.boundingBox())!
    const others = await page
      .locator('.lane:not(.main)')
      .evaluateAll((lanes) => lanes.map((lane) => lane.getBoundingClientRect().left))
    expect(others.every((left) => left > box.x + box.width)).toBe(true)
    await page.getByRole('button', { name: 'Actions for path 3' }).click()
    await page.getByRole('menuitem', { name: /^Copy path/ }).waitFor()
    await page.keyboard.press('Escape')
    await page.locator('[data-lane="p4"] .stream-scroll').click()
    expect(await main.getAttribute('data-lane')).toBe('p4')
    expect((await main.boundingBox())!).toEqual(box)
    expect(
      await page.locator('.lanes').evaluate((lanes) => {
        lanes.scrollTop = 50
        return lanes.scrollTop
      }),
    ).toBe(50)
    expect((await main.boundingBox())!).toEqual(box)
    await page.getByRole('button', { name: 'Inspect path 2' }).click()
    await soon(() => page.evaluate(() => location.hash)).toContain('/p2')
    await page.context().close()
  })

  test.each(['Alt+1', 'Alt+2', 'Alt+3'])(
    'the next path has the focus (layout %s)',
    async (layout) => {
      const page = await openPage(harness, '#/run/balls')
      await page.keyboard.press(layout)
      const focused = () =>
        page.evaluate(() =>
          document.activeElement?.closest('[data-lane]')?.getAttribute('data-lane'),
        )
      for (const [key, path] of [
        ['Alt+J', 'p2'],
        ['Alt+J', 'p3'],
        ['Alt+K', 'p2'],
      ]) {
        await page.keyboard.press(key!)
        await soon(focused).toBe(path)
      }
      await page.context().close()
    },
  )

  test('all files that were chosen are imported', async () => {
    const page = await openPage(harness, '#/history')
    const files = await page.evaluate(() => {
      const { scripted, BALLS } = (window as never as { harness: Handle }).harness.synthetic
      return ['x', 'y', 'z'].map((run) =>
        JSON.stringify([scripted({ ...BALLS, run: `from-${run}`, problem: `From a file ${run}` })]),
      )
    })
    await page.locator('input[type=file]').setInputFiles(
      files.map((content, i) => ({
        name: `${i}.json`,
        mimeType: 'application/json',
        buffer: Buffer.from(content),
      })),
    )
    await page.getByRole('searchbox', { name: 'Search problems' }).fill('From a file')
    await soon(() => page.locator('.history-row').count()).toBe(3)
    await page.context().close()
  })

  test('a search names the runs that it left out', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      for (const run of ['huge', 'torn', 'fine'])
        fake.add(synthetic.scripted({ ...synthetic.BALLS, run, problem: `About ${run} things` }))
      fake.skipped = [
        { run: 'huge', why: 'slow' },
        { run: 'torn', why: 'damaged' },
      ]
      location.hash = '#/history'
    })
    const status = page.locator('.history [role=status]')
    await page.getByRole('searchbox', { name: 'Search problems' }).fill('fine')
    await soon(() => status.textContent()).toContain(
      '1 run took too long to search: About huge things',
    )
    expect(await status.textContent()).toContain(
      '1 damaged run was not searched: About torn things',
    )
    await page.getByRole('searchbox', { name: 'Search problems' }).fill('')
    await soon(() => status.textContent()).not.toContain('took too long')
    await page.context().close()
  })

  test('history: by day, follow-ups under their first turn, hits marked beside model and strategy, a queued run waits', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const add = (run: string, problem: string, more: object) =>
        fake.add(synthetic.scripted({ ...synthetic.BALLS, run, problem }), {
          time: new Date().toISOString(),
          ...more,
        })
      add('root', 'Where does the wombat live?', {})
      add('then', 'And what does it eat?', { followUp: 'root' })
      add('later', 'A wombat in line', { status: 'queued', model: '/m/tiny.gguf', paths: 0 })
      location.hash = '#/history'
    })
    const row = (run: string) => page.locator(`[data-run="${run}"]`)
    await row('root').waitFor()
    expect(await page.locator('.history-day').first().textContent()).toBe('Today')
    const [first, second] = [await row('root').boundingBox(), await row('then').boundingBox()]
    expect(second!.y).toBeGreaterThan(first!.y)
    const left = (run: string) =>
      row(run)
        .locator('.history-title')
        .evaluate((title) => title.getBoundingClientRect().left)
    expect(await left('then')).toBeGreaterThan(await left('root'))
    expect(await row('later').locator('.dim').first().textContent()).toBe('tiny.gguf · waiting')
    expect(await row('later').textContent()).not.toMatch(/0 paths|0\.0 s/)
    await page.getByRole('searchbox', { name: 'Search problems' }).fill('WOMBAT where')
    await soon(() => row('then').count()).toBe(0)
    await page.getByRole('searchbox', { name: 'Search problems' }).fill('wombat')
    await soon(() => row('root').locator('mark').allTextContents()).toEqual(['wombat', 'wombat'])
    expect(await row('root').textContent()).toContain('Parallel paths, one summary')
    await page.context().close()
  })

  test('conversations of the same title are told apart', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      for (const strategy of ['parallel', 'majority'] as const)
        fake.add(
          synthetic.scripted({
            ...synthetic.BALLS,
            run: strategy,
            problem: 'Twice',
            settings: { strategy },
          }),
        )
      fake.push({ kind: 'changed', what: 'runs' })
    })
    const line = (run: string) => page.locator(`[data-conversation="${run}"] .sidebar-title .dim`)
    await soon(() => line('majority').textContent()).toBe('Majority vote')
    expect(await line('parallel').textContent()).toBe('Parallel paths, one summary')
    await page.context().close()
  })

  test('a model that is dropped on the history is not imported as a run', async () => {
    const page = await openPage(harness, '#/history')
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File(['GGUF'], 'm.gguf'))
      document
        .querySelector('.history-list')!
        .dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    })
    await soon(() => page.locator('.toast').allTextContents()).toEqual([
      expect.stringContaining('The browser does not say where'),
    ])
    await page.context().close()
  })

  test('alternatives are shown while a path thinks and after its end; why they cannot be read is told', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const events = synthetic.scripted({ ...synthetic.BALLS, run: 'thinks', alternatives: 0 })
      fake.alternatives = ({ index, count = 1 }) =>
        Array.from({ length: count }, (_, i) => [
          { id: i, text: `other ${index + i}`, logprob: -1 },
        ])
      fake.add(events, { status: 'running' }, 40)
      location.hash = '#/run/thinks/p1/3'
    })
    const other = page.locator('.alternatives')
    await soon(() => other.textContent()).toContain('other␣3')
    const last = () =>
      page.evaluate(() => {
        const { useRuns } = (window as never as { harness: Handle }).harness
        return useRuns.getState().open.thinks!.live.paths[0]!.tokens.length - 1
      })
    const play = (count: number) =>
      page.evaluate((events) => {
        ;(window as never as { harness: Handle }).harness.fake.play('thinks', events)
      }, count)
    for (let i = 0; i < 20; i++) await play(4)
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    ) // the played events are in the store
    const now = await last()
    await page.getByRole('listbox').press('End')
    await soon(() => other.textContent()).toContain(`other␣${now}`)
    await play(1e6)
    await page.waitForTimeout(1200)
    expect(await other.textContent()).toContain(`other␣${now}`)

    await page.evaluate(() => {
      ;(window as never as { harness: Handle }).harness.fake.alternatives = () => {
        throw new Error('The disk is gone.')
      }
    })
    await page.getByRole('listbox').press('End')
    await page.getByRole('listbox').press('ArrowLeft')
    await soon(() => page.locator('.token-detail [role=alert]').textContent()).toBe(
      'The disk is gone.',
    )
    await page.evaluate(() => {
      ;(window as never as { harness: Handle }).harness.fake.alternatives = ({ count = 1 }) =>
        Array.from({ length: count }, () => null)
    })
    await page.getByRole('listbox').press('ArrowLeft')
    await soon(() => page.locator('.token-detail').textContent()).toContain('None were recorded')
    await page.context().close()
  })

  test('without a vote, an answer can be chosen by hand once the paths are over', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const events = synthetic
        .scripted({ ...synthetic.BALLS, run: 'unvoted' })
        .filter(({ type }) => type !== 'vote')
      fake.add(events, { status: 'running' }, events.length - 1)
      location.hash = '#/run/unvoted'
    })
    const choice = page.getByRole('radiogroup', { name: 'Votes' }).getByRole('radio')
    await soon(() => choice.count()).toBe(2)
    expect(await choice.nth(1).isDisabled()).toBe(true)
    await page.evaluate(() => {
      ;(window as never as { harness: Handle }).harness.fake.play('unvoted', 1)
    })
    await choice.nth(1).click()
    const sent = () =>
      page.evaluate(() =>
        (window as never as { harness: Handle }).harness.fake.calls
          .filter(({ method }) => method === 'run.command')
          .map(({ params }) => params),
      )
    await soon(sent).toEqual([{ run: 'unvoted', command: { type: 'override-vote', member: 'p3' } }])
    await page.context().close()
  })

  test('beside an answer stands how many paths agree; what most say can be used instead, and then stands there', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const { BALLS, scripted } = synthetic
      const add = (run: string, more: object) =>
        fake.add(scripted({ ...BALLS, run, ...more }).filter(({ type }) => type !== 'vote'))
      add('wrong', { summary: 'It is 49/144.', answer: '49/144' })
      add('silent', { answers: [null, null, null, null] })
      fake.onCommand = ({ run, command }) => {
        const { events } = fake.runs.get(run)!
        if (command.type === 'override-vote') {
          const classes = [
            { answer: '7/22', members: ['p1', 'p2', 'p4'] as const },
            { answer: '49/144', members: ['p3'] as const },
          ]
          events.push({
            type: 'vote',
            at: 1e6,
            rule: 'equality',
            over: 'paths',
            classes: classes.map(({ answer, members }) => ({ answer, members: [...members] })),
            winner: 0,
            tie: false,
            chosen: command.member,
          })
          fake.play(run, 1)
        }
        return {}
      }
      location.hash = '#/run/wrong'
    })
    const note = page.locator('.answer-note')
    await soon(() => note.textContent()).toBe('1 of 4 paths agreesMost say 7/22.Use 7/22')
    expect(await page.locator('.votes').textContent()).toContain('The summary disagrees')
    await page.getByRole('button', { name: 'Use 7/22' }).click()
    await soon(() => page.locator('.summary h2').textContent()).toBe('Answer')
    expect(await page.locator('.summary .answer-text').textContent()).toContain('{7}{22}')
    expect(await page.locator('.summary header').textContent()).toContain('Path 1, which you chose')
    expect(await note.count()).toBe(0)
    expect(await page.locator('.votes').textContent()).not.toContain('disagrees')
    await soon(() => page.locator('.announce').textContent()).toBe('Done. Answer: 7/22')
    // The summary can still be read, also beside the paths in a small window.
    await page.setViewportSize({ width: 1024, height: 700 })
    await page.keyboard.press('Alt+1')
    await page.locator('.lanes.grid').waitFor()
    expect(await crowded(page)).toEqual([])
    await page.getByRole('radio', { name: 'Summary v1' }).click()
    await soon(() => page.locator('.summary .stream').textContent()).toContain('It is 49/144.')
    expect(await note.count()).toBe(0)
    await page.getByRole('radio', { name: 'Path 1' }).click()
    await soon(() => page.locator('.summary h2').textContent()).toBe('Answer')

    await page.evaluate(() => {
      location.hash = '#/run/silent'
    })
    await page.locator('.answer-big').waitFor()
    await page.locator('.vote').waitFor()
    expect(await note.count()).toBe(0)
    await page.context().close()
  })

  test("the fields of a chat template's variables are there if the template reads them", async () => {
    const usual = await openPage(harness, '#/')
    await usual.locator('.advanced > summary').click()
    await usual.getByLabel('Temperature').waitFor()
    expect(await usual.getByLabel('Think before answering').count()).toBe(0)
    expect(await usual.getByLabel('Reasoning effort').count()).toBe(0)
    await usual.context().close()

    const page = await openPage(harness, '#/', { scene: 'variables' })
    await page.locator('.advanced > summary').click()
    await page.getByLabel('Think before answering').selectOption('Off')
    const effort = page.getByLabel('Reasoning effort')
    expect(await effort.locator('option').allTextContents()).toEqual([
      "The template's default",
      'low',
      'high',
    ])
    await effort.selectOption('low')
    const asked = () =>
      page.evaluate(() =>
        (window as never as { harness: Handle }).harness.fake.calls
          .filter(({ method }) => method === 'models.fit')
          .map(({ params }) => (params as { settings: object }).settings)
          .at(-1),
      )
    await soon(asked).toEqual({
      templateVariables: { enable_thinking: false, reasoning_effort: 'low' },
    })
    await page.getByLabel('Think before answering').selectOption("The template's default")
    await effort.selectOption("The template's default")
    await soon(asked).toEqual({})
    await page.context().close()
  })
})
