import { ESLint } from 'eslint'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const eslint = new ESLint({ cwd: root })

async function refused(file: string, source: string): Promise<boolean> {
  const [result] = await eslint.lintText(`import '${source}'\n`, { filePath: join(root, file) })
  expect(result, `${file} is linted`).toBeDefined()
  expect(result!.fatalErrorCount).toBe(0)
  return result!.messages.some((message) => message.ruleId === 'no-restricted-imports')
}

describe('imports between the rooms', () => {
  it.each([
    ['renderer/run/lane.tsx', '../../engine/think/index.ts'],
    ['renderer/run/lane.tsx', '../../engine/host.ts'],
    ['renderer/run/lane.tsx', '../../electron/main.ts'],
    ['renderer/store/run.ts', 'node:fs'],
    ['renderer/store/run.ts', 'electron'],
    ['engine/protocol/fold.ts', 'node:fs'],
    ['engine/protocol/fold.ts', '../think/index.ts'],
    ['engine/protocol/fold.ts', 'electron'],
    ['engine/think/run.ts', 'electron'],
    ['engine/think/run.ts', '../../renderer/store/run.ts'],
    ['engine/think/run.ts', '../host.ts'],
    ['engine/transcripts/index.ts', '../cli/solve.ts'],
    ['engine/native/index.ts', '../think/index.ts'],
    ['engine/host.ts', 'react'],
    ['electron/main.ts', '../engine/think/index.ts'],
    ['electron/main.ts', '../renderer/main.tsx'],
  ])('%s may not import %s', async (file, source) => expect(await refused(file, source)).toBe(true))

  it.each([
    ['renderer/run/lane.tsx', '../../engine/protocol/fold.ts'],
    ['renderer/run/lane.tsx', '../ui/button.tsx'],
    ['renderer/run/lane.tsx', 'react'],
    ['engine/protocol/fold.ts', './events.ts'],
    ['engine/protocol/fold.ts', 'zod'],
    ['engine/think/run.ts', '../native/index.ts'],
    ['engine/host.ts', './think/index.ts'],
    ['electron/main.ts', '../engine/supervisor.ts'],
  ])('%s may import %s', async (file, source) => expect(await refused(file, source)).toBe(false))
})
