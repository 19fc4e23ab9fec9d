import { afterAll, beforeAll } from 'vitest'
import { CHROMIUM, openHarness, type Harness } from './page.ts'

/** Opens the harness for the tests of a file, and closes it after them. It has its fields once the first test begins. */
export function harnessForTests(): Harness {
  const harness: Partial<Harness> = {}
  beforeAll(async () => {
    if (CHROMIUM !== undefined) Object.assign(harness, await openHarness())
  }, 120_000)
  afterAll(() => harness.close?.())
  return harness as Harness
}
