import { renameSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { Braid, CHROMIUM, type Window } from './support.ts'

describe.skipIf(CHROMIUM === undefined)('what a summary attended to', () => {
  const braid = new Braid()
  let model: string
  let window: Window
  beforeAll(async () => {
    model = writeTiny(
      tinyModel({ shape: 'qwen2', seed: 5, pairs: 8, thoughts: 9, context: 8192 }),
      braid.data,
    )
    await braid.start(model)
    window = await braid.open()
  })
  afterAll(() => braid.close())

  test('on demand, by the keyboard: a bar a path, the token at the cursor, the text coloured by a path', async () => {
    const { page } = window
    await window.pose({
      problem: 'Which path did it come from?',
      paths: 3,
      budget: 40,
      finish: 'last',
      summary: 24,
    })
    await window.untilRun('ended')
    await page.keyboard.press('Alt+A')
    await page.waitForURL(/\/s1\b/)
    const rows = page.locator('.attr-row')
    await expect.poll(() => rows.count()).toBe(3)
    const figures = async () =>
      (await rows.locator('.num').allTextContents()).map((text) => Number(text.replace(' %', '')))
    const at0 = await figures()
    const whole = at0.filter((_, i) => i % 2 === 0)
    expect(whole.every((share) => share > 0)).toBe(true)
    const rest = (await page.locator('.attribution').textContent())!.match(
      /prompt \(([\d.]+) %\) and to the summary itself \(([\d.]+) %\)/,
    )!
    expect(whole.reduce((a, b) => a + b, 0) + Number(rest[1]) + Number(rest[2])).toBeGreaterThan(99)

    await page.getByRole('listbox', { name: /^Tokens of Summary/ }).focus()
    for (let i = 0; i < 9; i++) await page.keyboard.press('ArrowRight')
    const at9 = await figures()
    expect(at9.filter((_, i) => i % 2 === 0)).toEqual(whole)
    expect(at9).not.toEqual(at0)
    await page.locator('#tok-3').hover()
    expect(await figures()).not.toEqual(at9)
    await page.mouse.move(0, 0)
    expect(await figures()).toEqual(at9)

    expect(await page.locator('.tok.a7').count()).toBe(0)
    await rows.nth(1).focus()
    await page.keyboard.press('Enter')
    expect(await rows.nth(1).getAttribute('aria-pressed')).toBe('true')
    await page.getByRole('listbox', { name: /^Tokens of Summary/ }).focus()
    expect(await page.locator('.tok.a7').count()).toBeGreaterThan(0)
    expect(await page.locator('.tokens').getAttribute('data-segment')).toBe('p2')

    await page.keyboard.press('Alt+B')
    expect(await page.locator('.attr-strip li').count()).toBe(3)
    expect(window.trouble).toEqual([])
  })

  test('without the model it says what to do, and reads once the file is back', async () => {
    const { page } = window
    await window.pose({
      problem: 'And without the model?',
      paths: 2,
      budget: 20,
      finish: 'last',
      summary: 12,
    })
    await window.untilRun('ended')
    renameSync(model, `${model}.away`)
    await page.locator('.summary [data-command="run.attribution"]').click()
    const alert = page.locator('.attribution [role=alert]')
    await expect.poll(() => alert.textContent()).toContain('Restore the file')
    expect(await alert.textContent()).toContain(model)
    renameSync(`${model}.away`, model)
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => page.locator('.attr-row').count()).toBe(2)
    expect(window.trouble).toEqual([])
  })
})
