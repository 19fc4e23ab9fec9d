import { describe, expect, test, vi } from 'vitest'
import type { Page } from 'playwright-core'
import type { handle } from '../harness/main.ts'
import { PAYLOADS } from '../payloads.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'

vi.setConfig({ testTimeout: 120_000 })

const harness = harnessForTests()

interface Seen {
  pwned: unknown[]
  violations: string[]
  alien: string[]
  dialogs: number
  requests: string[]
  url: string
}

/** Arms the page to record any script that runs, any request, and any forbidden element. */
async function watch(page: Page): Promise<() => Promise<Seen>> {
  const requests: string[] = []
  let dialogs = 0
  page.on('request', (request) => requests.push(request.url()))
  page.on('dialog', (dialog) => {
    dialogs++
    void dialog.dismiss()
  })
  page.context().on('page', (popup) => requests.push(`popup ${popup.url()}`))
  const place = () => page.url().split('#')[0]!
  const url = place()
  await page.evaluate(() => {
    const w = window as unknown as {
      pwned: unknown[]
      violations: string[]
      __pwned(x: unknown): void
    }
    w.pwned = []
    w.violations = []
    w.__pwned = (x) => {
      w.pwned.push(x)
    }
    document.addEventListener('securitypolicyviolation', (event) =>
      w.violations.push(`${event.violatedDirective} ${event.blockedURI}`),
    )
  })
  return async () => {
    await page.waitForTimeout(200)
    const found = await page.evaluate(() => {
      const w = window as unknown as { pwned: unknown[]; violations: string[] }
      const alien: string[] = []
      for (const el of document.body.querySelectorAll('*')) {
        const tag = el.tagName.toLowerCase()
        if (
          [
            'iframe',
            'object',
            'embed',
            'form',
            'base',
            'meta',
            'link',
            'style',
            'img',
            'image',
            'video',
            'audio',
            'source',
            'use',
            'foreignobject',
            'marquee',
            'frame',
            'portal',
            'animate',
            'set',
          ].includes(tag) &&
          !(tag === 'form' && el.matches('.composer, .add-model, .ask'))
        )
          alien.push(el.outerHTML.slice(0, 120))
        if (tag === 'script' && !(el as HTMLScriptElement).src.startsWith(location.origin))
          alien.push(el.outerHTML.slice(0, 120))
        for (const { name, value } of el.attributes) {
          if (
            /^on/i.test(name) ||
            (/^(src|srcset|srcdoc|action|formaction|ping|poster|background|xlink:href)$/i.test(
              name,
            ) &&
              tag !== 'script')
          )
            alien.push(`${tag} ${name}=${value.slice(0, 80)}`)
          if (name === 'href' && !(el.matches('a.skip') && value === '#main'))
            alien.push(`${tag} href=${value.slice(0, 80)}`)
          if (
            name === 'style' &&
            /url\(|expression|position:\s*fixed/i.test(value) &&
            !el.closest('[data-radix-popper-content-wrapper]')
          )
            alien.push(`${tag} style=${value.slice(0, 80)}`)
        }
      }
      return { pwned: w.pwned, violations: w.violations, alien }
    })
    return {
      ...found,
      dialogs,
      url: place() === url ? '' : place(),
      requests: requests.filter(
        (one) => !/\/assets\/[\w.-]+\.(js|css|woff2?|ttf|jsonl)$/.test(one),
      ),
    }
  }
}

const CLEAN = { pwned: [], violations: [], alien: [], dialogs: 0, url: '', requests: [] }

describe.skipIf(CHROMIUM === undefined)('hostile text', () => {
  test('the watch sees what is live: markup put into the page by force is found', async () => {
    const page = await openPage(harness, '#/')
    const seen = await watch(page)
    await page.evaluate(() => {
      document
        .getElementById('root')!
        .insertAdjacentHTML(
          'beforeend',
          '<img src="/leak.png" onerror="__pwned(1)"><a href="javascript:1">x</a>',
        )
    })
    const found = await seen()
    expect(found.violations.length).toBeGreaterThan(0)
    expect(found.alien.length).toBeGreaterThan(2)
    expect(found.requests.some((url) => url.endsWith('/leak.png'))).toBe(true)
    await page.context().close()
  })

  test('finished paths and summaries, formatted: nothing runs, nothing is fetched', async () => {
    const page = await openPage(harness, '#/')
    const seen = await watch(page)
    const perRun = 64
    for (let from = 0; from < PAYLOADS.length; from += perRun) {
      await page.evaluate(
        async ({ payloads, run }) => {
          const { fake, synthetic } = (window as unknown as { harness: typeof handle }).harness
          const texts = Array.from({ length: 8 }, (_, lane) =>
            payloads
              .filter((_, i) => i % 8 === lane)
              .map((payload) => `${payload}\n\n~~~\n~~~\n`)
              .join('\n'),
          )
          fake.add(
            synthetic.scripted({
              problem: payloads[0]!,
              paths: texts,
              summary: payloads.join('\n\n'),
              answers: payloads.slice(0, 8),
              answer: payloads[1]!,
              run,
            }),
          )
          location.hash = `#/run/${run}`
        },
        { payloads: PAYLOADS.slice(from, from + perRun), run: `hostile${from}` },
      )
      for (const block of ['.summary .block', '.lane .block']) {
        await page.waitForSelector(block)
        // Scrolls everything past once, with time to be formatted.
        for (let step = 0; step < 4; step++) {
          await page.evaluate((part) => {
            for (const el of document.querySelectorAll('.stream-scroll'))
              el.scrollTop = (el.scrollHeight * part) / 4
          }, step)
          await page.waitForTimeout(250)
        }
        await page.keyboard.press('Alt+1')
      }
      // Each run is formatted, however long its hardest texts take.
      await page.locator('.block.md').first().waitFor({ timeout: 30_000 })
    }
    expect(await seen()).toEqual(CLEAN)
    await page.context().close()
  })

  test('streamed one character at a time, so that every beginning of every text was drawn', async () => {
    const page = await openPage(harness, '#/')
    const seen = await watch(page)
    const drawn = await page.evaluate(async (payloads) => {
      const { fake, synthetic, flush, drawWaiting } = (
        window as unknown as { harness: typeof handle }
      ).harness
      const lanes = 16
      const texts = Array.from({ length: lanes }, (_, lane) =>
        payloads
          .filter((_, i) => i % lanes === lane)
          .map((payload) => `${payload.slice(0, 160)}\n\n`)
          .join(''),
      )
      const events = synthetic.begun('split', lanes)
      const started = events.length
      const longest = Math.max(...texts.map((text) => text.length))
      for (let i = 0; i < longest; i++)
        texts.forEach((text, lane) => {
          if (i < text.length)
            events.push({
              type: 'tokens',
              at: 400 + i,
              segment: `p${lane + 1}`,
              tokens: [{ id: 1, text: text[i]!, logprob: -1, entropy: 1 }],
            })
        })
      fake.add(events, { status: 'running' }, started)
      location.hash = '#/run/split'
      await new Promise((resolve) => setTimeout(resolve, 300))
      const entry = fake.runs.get('split')!
      let frames = 0
      let characters = 0
      while (entry.sent < events.length) {
        const at = events[entry.sent]!.at
        let count = 0
        while (entry.sent + count < events.length && events[entry.sent + count]!.at === at) count++
        fake.play('split', count)
        flush()
        drawWaiting()
        characters += count
        // React draws the result of a flush outside an event in the next task.
        await new Promise<void>((resolve) => {
          const channel = new MessageChannel()
          channel.port1.onmessage = () => resolve()
          channel.port2.postMessage(0)
        })
        if (++frames % 16 === 0) await new Promise((resolve) => requestAnimationFrame(resolve))
      }
      return { characters, total: texts.reduce((sum, text) => sum + text.length, 0) }
    }, PAYLOADS)
    expect(drawn.characters).toBe(drawn.total)
    expect(await seen()).toEqual(CLEAN)
    await page.context().close()
  })

  test('titles, problems, tags, models, file names, errors, notices, tokens, searches and toasts', async () => {
    const page = await openPage(harness, '#/')
    const seen = await watch(page)
    const hostile = PAYLOADS.filter((payload) => payload.length < 400)
    for (const chunk of [0, 1, 2]) {
      const payloads = hostile.filter((_, i) => i % 3 === chunk)
      await page.evaluate(async (list) => {
        const { fake, synthetic } = (window as unknown as { harness: typeof handle }).harness
        fake.runs.clear()
        fake.models = list.map((payload) => ({
          file: `/models/${payload}`,
          name: payload,
          sizeBytes: 1,
          origin: 'link',
          bundled: false,
          present: true,
        }))
        fake.model = {
          ...fake.model,
          name: list[0]!,
          scope: list[1]!,
          licence: list[2]!,
          architecture: list[3]!,
          controlTokens: list.slice(0, 20),
        }
        list.forEach((payload, i) => {
          const events = synthetic.scripted({
            problem: payload,
            paths: [payload, payload],
            summary: payload,
            answers: [payload, null],
            answer: payload,
            run: `h${i}`,
            alternatives: 3,
          })
          events.splice(2, 0, { type: 'notice', at: 1, code: 'x', params: { message: payload } })
          events.push(
            {
              type: 'segment-ended',
              at: 1e5,
              segment: 'p2',
              reason: 'failed',
              answer: null,
              error: { code: 'x', message: payload },
            },
            { type: 'notice', at: 1e5, code: 'scope', params: { scope: payload } },
            {
              type: 'run-failed',
              at: 1e5,
              error: {
                code: 'model-not-found',
                detail: 'model-not-found/missing',
                params: { file: payload },
              },
            },
          )
          fake.add(events, {
            title: payload,
            problem: payload,
            model: payload,
            answer: payload,
            tags: [payload.slice(0, 60)],
            status: i % 5 === 0 ? 'damaged' : 'ended',
            damage: payload,
          })
        })
        fake.push({ kind: 'changed', what: 'runs' })
        fake.push({ kind: 'changed', what: 'models' })
        fake.push({ kind: 'progress', task: 'x', fraction: 0.5 })
        fake.push({ kind: 'engine', state: 'restarting', message: list[5]! })
      }, payloads)
      for (const hash of [
        '#/',
        '#/models',
        '#/history',
        '#/settings',
        '#/run/h1',
        '#/run/h1/p1/2',
        '#/run/h1/s1',
        '#/run/h1/compare/p1,p2',
        '#/compare/h1,h2',
        '#/run/h2',
      ]) {
        await page.evaluate((next) => {
          location.hash = next
        }, hash)
        await page.waitForTimeout(150)
      }
      await page.evaluate(() => {
        location.hash = '#/history'
      })
      await page.waitForSelector('.history-row')
      for (let step = 0; step < 8; step++) {
        await page.evaluate((part) => {
          const el = document.querySelector('.history-list')!
          el.scrollTop = (el.scrollHeight * part) / 8
        }, step)
        await page.waitForTimeout(60)
      }
      await page.fill('.search-box input', 'a')
      await page.waitForTimeout(150)
      await page.fill('.search-box input', '')
      await page.keyboard.press('Control+K')
      await page.waitForSelector('dialog.palette')
      await page.waitForTimeout(150)
      await page.keyboard.press('Escape')
    }
    expect(await seen()).toEqual(CLEAN)
    await page.context().close()
  })

  test('a link is inert until clicked, shows where it leads, and only http, https and mailto can be opened', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as unknown as { harness: typeof handle }).harness
      fake.add(
        synthetic.scripted({
          problem: 'x',
          paths: [
            '[safe](https://example.org/a?b=1) and [mail](mailto:a@example.org) and [bad](javascript:alert%281%29) and [file](file:///etc/passwd) and ![picture](https://example.org/x.png)',
          ],
          summary: 'x',
          answers: [null],
          answer: null,
          run: 'links',
        }),
      )
      location.hash = '#/run/links'
    })
    const lane = page.locator('.lane .block.md')
    await lane.waitFor()
    expect(await lane.locator('button.link').allTextContents()).toEqual([
      'safe',
      'mail',
      '[picture]',
    ])
    expect(await lane.locator('.link-dead').allTextContents()).toEqual(['bad', 'file'])
    const opened: string[] = []
    page.context().on('page', (popup) => opened.push(popup.url()))
    await lane.locator('button.link').first().click()
    const dialog = page.locator('dialog.dialog')
    await dialog.waitFor()
    expect(await dialog.locator('.link-url').textContent()).toBe('https://example.org/a?b=1')
    await page.keyboard.press('Escape')
    await page.waitForTimeout(100)
    expect(opened).toEqual([])
    expect(await dialog.count()).toBe(0)
    await page.context().close()
  })
})
