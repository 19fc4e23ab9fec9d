import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { sampleRun } from '../support/sample-run.ts'

/** Gives each test of the file that imports this its own folder and store. */
export let folder: string
export let store: RunStore
export const file = (name: string) => join(folder, 'runs', name)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-store-'))
  store = new RunStore(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

export function write(run: string, events: RunEvent[] = sampleRun(run)): RunEvent[] {
  const { writer } = store.create(run)
  const stored = events.map((event) => writer.append(event))
  store.close(run)
  return stored
}
export function code(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'none'
}
