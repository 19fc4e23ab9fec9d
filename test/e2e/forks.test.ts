import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FORK_FORMS } from '../../engine/protocol/forks.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { FORKS } from '../support/scripts.ts'
import { Braid, CHROMIUM } from './support.ts'

describe.skipIf(CHROMIUM === undefined)('a model that forks, in the window', () => {
  const braid = new Braid()
  const file = writeScripted(FORKS, { marks: FORK_FORMS.multiverse.tokens })
  beforeAll(() => braid.start(file))
  afterAll(async () => {
    await braid.close()
    rmSync(dirname(file), { recursive: true })
  })

  test('children with their own text, how the text forks, and the answer that it ends with', async () => {
    const window = await braid.open()
    const { page } = window
    await window.command('New run')
    await window.openSettings()
    const strategy = page.getByLabel('Strategy', { exact: true })
    expect(await strategy.inputValue()).toBe('fork-join')
    expect(await page.locator('.compose-main').textContent()).toContain('Multiverse')
    await window.pose({ problem: 'How many squares are there?', budget: 400, seed: 2 })
    await window.untilRun('ended')
    // Children fold under the path whose plan they are for; one key brings them back.
    const lanes = page.locator('[data-lane]')
    await expect.poll(() => lanes.count()).toBe(2)
    const line = window.lane(1).locator('.fold')
    expect(await line.getAttribute('aria-expanded')).toBe('false')
    expect(await line.textContent()).toContain('2 children')
    await line.click()
    await expect.poll(() => lanes.count()).toBeGreaterThan(3)
    const shown = await lanes.count()
    await page.keyboard.press('Alt+f')
    await expect.poll(() => lanes.count()).toBe(2)
    // A child that is chosen in the drawing is shown.
    await page.locator('.overview .leaf[data-segment="p2"]').click()
    await expect.poll(() => window.lane(2).count()).toBe(1)
    await expect.poll(() => lanes.count()).toBe(shown)
    const child = window.lane(2)
    expect(await child.locator('.lane-head').textContent()).toContain('1 · 1')
    const text = await child.locator('.stream-scroll').textContent()
    expect(text).toMatch(/^\s*<Path>\s*1: /)
    expect(text).not.toContain('Count them in two ways')
    const drawn = page.locator('.overview svg')
    expect(await drawn.getAttribute('aria-label')).toMatch(/Path 1 forks into paths 2, 3/)
    expect(await drawn.locator('.branch').count()).toBe(shown)
    await page.keyboard.press('Alt+p')
    await expect.poll(() => page.locator('.answer-big').textContent()).toContain('12')
    expect(await page.getByText('No summary was written').count()).toBe(0)
    const { text: exported } = await window.exportAs('Markdown')
    expect(exported.match(/Count them in two ways/g)).toHaveLength(1)
    expect(window.trouble).toEqual([])
    await window.context.close()
  })

  test('a plan that cannot be followed is only text, as a notice says', async () => {
    const window = await braid.open()
    const { page } = window
    await window.pose({ problem: 'How many squares are there?', budget: 45, seed: 2 })
    await window.untilRun('ended')
    expect(await page.locator('[data-notice="fork-room"]').textContent()).toMatch(
      /too little room behind the plan of path 1/,
    )
    expect(await page.locator('[data-lane]').count()).toBe(1)
    expect(await page.locator('.fold').count()).toBe(0)
    expect(window.trouble).toEqual([])
    await window.context.close()
  })
})
