import { expect, test } from 'vitest'
import { host, setConnect } from '../../../renderer/store/host.ts'
import { loadPrefs, setPref, usePrefs } from '../../../renderer/store/prefs.ts'
import { FakeHost } from '../fake-host.ts'

test('what is changed while the engine is gone is told to the next one; the rest is as the host remembers it', async () => {
  setPref('loadAtStart', false)
  await Promise.resolve()
  const fake = new FakeHost()
  fake.settings = { loadAtStart: true, idleMinutes: 3 }
  setConnect(async () => fake.channel())
  await host.start()
  await loadPrefs()
  expect(fake.settings).toMatchObject({ loadAtStart: false, idleMinutes: 3 })
  expect(usePrefs.getState()).toMatchObject({ loadAtStart: false, idleMinutes: 3 })
  fake.settings = { ...fake.settings, loadAtStart: true }
  await loadPrefs()
  expect(usePrefs.getState().loadAtStart).toBe(true)
})
