import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressText } from '../../engine/protocol/workers.ts'
import { newCode, Worker } from '../../engine/workers/index.ts'
import { Braid, CHROMIUM, type Window } from './support.ts'

/** Where pictures go, to look at them. */
const shots = process.env.BRAID_SHOTS

describe.skipIf(CHROMIUM === undefined)('a worker, in the window', () => {
  const braid = new Braid()
  const folder = mkdtempSync(join(tmpdir(), 'braid-e2e-worker-'))
  let window: Window
  let worker: Worker
  let code = ''

  beforeAll(async () => {
    code = newCode(folder)
    worker = await Worker.start({
      listen: { host: '127.0.0.1', port: 0 },
      code,
      devices: () =>
        Promise.resolve([
          { name: 'CPU', description: 'Another machine', memoryFree: 8e9, memoryTotal: 16e9 },
        ]),
      server: { devices: [], threads: 1 },
    })
    await braid.start()
    window = await braid.open()
    window.context.setDefaultTimeout(60_000)
  })
  afterAll(async () => {
    await braid.close()
    await worker.close()
    rmSync(folder, { recursive: true })
  })

  test('is refused with a wrong code, paired with the right one, and thinks', async () => {
    const { page } = window
    const address = addressText(worker.address)
    await page.evaluate(() => {
      location.hash = '#/models'
    })
    await page.getByRole('radio', { name: 'Devices', exact: true }).click()
    await page.getByLabel('Address of the worker').fill(address)
    await page.getByLabel('Pairing code').fill('AAAAA-AAAAA-AAAAA-AAAAA-AAAAA')
    await page.getByRole('button', { name: 'Pair', exact: true }).click()
    await page.getByText(`${address} refuses the pairing code.`).waitFor()
    await page.getByLabel('Pairing code').fill(code)
    await page.getByRole('button', { name: 'Pair', exact: true }).click()
    await page.getByText('Another machine').waitFor()
    if (shots !== undefined) await page.screenshot({ path: `${shots}/workers.png` })

    await page.evaluate(() => {
      location.hash = '#/'
    })
    await window.openSettings()
    await page.getByLabel(`Use the worker ${address}`).check()
    if (shots !== undefined) await page.screenshot({ path: `${shots}/worker-chosen.png` })
    await window.pose({ problem: '7 5 3 2 = 24', paths: 2, budget: 16, summary: 8 })
    await window.untilRun('ended')
    await page.evaluate(() => {
      location.hash = '#/models'
    })
    await page.getByRole('radio', { name: 'Devices', exact: true }).click()
    await page.locator('.device-row', { hasText: `${address} ·` }).waitFor()
    await page.getByRole('button', { name: `Forget ${address}` }).click()
    await expect.poll(() => page.getByText('Another machine').count()).toBe(0)
    expect(window.trouble).toEqual([])
  })
})
