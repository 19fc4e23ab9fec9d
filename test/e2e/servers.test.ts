import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MODEL, ScriptedServer } from '../support/scripted-server.ts'
import { Braid, CHROMIUM, type Window } from './support.ts'

const KEY = 'secret-key-of-the-test'
/** Where pictures go, to look at them. */
const shots = process.env.BRAID_SHOTS

describe.skipIf(CHROMIUM === undefined)('a model on a server, in the window', () => {
  const braid = new Braid()
  const vllm = new ScriptedServer({ dialect: 'vllm', key: KEY })
  const chat = new ScriptedServer({ dialect: 'chat' })
  let window: Window

  const shot = async (name: string) => {
    if (shots === undefined) return
    for (const scheme of ['light', 'dark'] as const) {
      await window.page.emulateMedia({ colorScheme: scheme })
      for (const [width, height] of [
        [1440, 900],
        [1024, 700],
      ] as const) {
        await window.page.setViewportSize({ width, height })
        await window.page.screenshot({ path: `${shots}/${name}-${scheme}-${width}.png` })
      }
    }
  }
  const add = async (url: string, key = '') => {
    const { page } = window
    const address = page.getByLabel('Address', { exact: true })
    if (!(await address.isVisible())) await page.getByText('Use a model on a server').click()
    await address.fill(url)
    await page.getByLabel('Key', { exact: true }).fill(key)
    await page.getByRole('button', { name: 'List models' }).click()
  }

  beforeAll(async () => {
    await vllm.listen()
    await chat.listen()
    await braid.start()
    window = await braid.open()
    window.context.setDefaultTimeout(15_000)
  })
  afterAll(async () => {
    await braid.close()
    await vllm.kill()
    await chat.kill()
  })

  test('is refused without its key, added with it, and shows what its server can do', async () => {
    const { page } = window
    await page.evaluate(() => {
      location.hash = '#/models'
    })
    await page.getByText('Use a model on a server').waitFor()
    await add(vllm.url)
    await page.getByText(/refuses the key, or needs one/).waitFor()
    await shot('refused')
    await add(`${vllm.url}/v1`, KEY)
    await page.getByLabel('Model', { exact: true }).selectOption(MODEL)
    await page.getByText('The key is kept in memory until Braid closes.').waitFor()
    await page.getByRole('button', { name: 'Add', exact: true }).last().click()
    await page.getByText('At any token; a text can be extended').waitFor()
    await page.getByText(/A merged answer is decoded from the mean/).waitFor()
    await shot('facts')
  })

  test('thinks, and its strategies that cannot be followed are disabled with the reason', async () => {
    const { page } = window
    await page.getByRole('button', { name: 'New run with this model' }).click()
    await window.openSettings()
    const merge = page.getByRole('option', { name: 'Parallel paths, one merged answer' })
    expect(await merge.isDisabled()).toBe(true)
    expect(await merge.getAttribute('title')).toMatch(/which no server can do/)
    await shot('composer')
    await page.getByLabel('Strategy', { exact: true }).selectOption({ label: 'Majority vote' })
    await page.getByLabel('Problem', { exact: true }).fill('How much is 6 times 7?')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.waitForURL(/#\/run\//)
    await page.getByText('42').first().waitFor()
    await expect.poll(() => vllm.texts.length).toBeGreaterThan(1)
    await shot('run')
  })

  test('that only answers chats has paths that cannot be branched', async () => {
    const { page } = window
    await page.evaluate(() => {
      location.hash = '#/models'
    })
    await page.getByText('Use a model on a server').waitFor()
    await add(chat.url)
    await page.getByLabel('Model', { exact: true }).selectOption(MODEL)
    await page.getByRole('button', { name: 'Add', exact: true }).last().click()
    await page.getByText('None: the server only answers chats').waitFor()
    await shot('chat')
    expect(window.trouble.filter((line) => !line.includes('401'))).toEqual([])
  })
})
