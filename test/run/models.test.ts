import { utimesSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { readModelInfo } from '../../engine/models/info.ts'
import { loadAddon } from '../../engine/native/load.ts'
import { Models, type Unloaded } from '../../engine/models/loaded.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'
import { tinyFile } from './support.ts'

const addon = loadAddon({ gpu: false })
const files = [1, 2, 3].map((seed) => tinyFile({ seed }).file)
const { engine: options } = resolveSettings(
  { engine: { device: 'cpu' } },
  { metadata: {}, nativePaths: 0 },
)
const never = new AbortController().signal
const opened: Models[] = []
afterEach(async () => {
  for (const models of opened.splice(0)) await models.close()
})

/** `free`: bytes that the system reports as free. */
function keep(free: () => number): {
  models: Models
  left: Unloaded[]
  use: (n: number) => Promise<() => void>
  held: () => number[]
} {
  const models = new Models(addon, readModelInfo, { free })
  opened.push(models)
  const left: Unloaded[] = []
  models.onChange = (unloaded) => {
    if (unloaded) left.push(unloaded)
  }
  return {
    models,
    left,
    held: () => models.list().map(({ file }) => files.indexOf(file)),
    use: async (n) => {
      const model = await models.use(files[n]!, options, never)
      return () => models.release(model)
    },
  }
}

it('models stay in memory side by side while it lasts, and the same one is not loaded twice', async () => {
  const { use, held, left } = keep(() => 2 ** 40)
  for (const n of [0, 1, 0, 2]) (await use(n))()
  expect([held(), left]).toEqual([[1, 0, 2], []])
})

it('the longest unused gives way where memory is short; one that is in use never does', async () => {
  let free = 2 ** 40
  const { use, held, left } = keep(() => free)
  const release = await use(0)
  ;(await use(1))()
  free = 2 ** 20
  ;(await use(2))()
  expect([held(), left.map(({ reason }) => reason)]).toEqual([[0, 2], ['room']])
  release()
  ;(await use(1))()
  expect(held()).toEqual([1])
})

it('before a context is made the longest unused leave, as many as it takes: never its own model, nor one in use', async () => {
  let free = 2 ** 40
  const { models, use, held, left } = keep(() => free)
  for (const n of [0, 1, 2]) (await use(n))()
  const release = await use(0)
  const own = await models.use(files[2]!, options, never)
  models.release(own)
  expect(await models.room(own, 2 ** 30)).toBe(false)
  expect(held()).toEqual([1, 0, 2])
  free = 2 ** 20
  expect(await models.room(own, 2 ** 30)).toBe(true)
  expect([held(), left.map(({ reason }) => reason)]).toEqual([[0, 2], ['room']])
  expect(await models.room(own, 2 ** 30)).toBe(false)
  release()
})

it('a file that changed on disk is loaded again, in place of the old one', async () => {
  const { use, held, left } = keep(() => 2 ** 40)
  ;(await use(0))()
  utimesSync(files[0]!, new Date(), new Date(Date.now() + 60_000))
  ;(await use(0))()
  expect([held(), left.map(({ reason }) => reason)]).toEqual([[0], ['room']])
})

it('what was not wanted for a while is unloaded, what is in use stays', async () => {
  const { models, use, held, left } = keep(() => 2 ** 40)
  const release = await use(0)
  ;(await use(1))()
  await new Promise((resolve) => setTimeout(resolve, 20))
  await models.unload(({ usedAt }) => usedAt < Date.now() - 5, 'idle')
  expect([held(), left.map(({ reason }) => reason)]).toEqual([[0], ['idle']])
  await expect(models.close()).rejects.toMatchObject({ code: 'internal' })
  release()
})
