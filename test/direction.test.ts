import { ESLint } from 'eslint'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const eslint = new ESLint({ cwd: root })

async function refused(file: string, source: string): Promise<boolean> {
  const [result] = await eslint.lintText(`import '${source}'\n`, { filePath: join(root, file) })
  expect(result, `${file} is linted`).toBeDefined()
  expect(result!.fatalErrorCount).toBe(0)
  return result!.messages.some((message) =>
    /^(no-restricted-imports|rooms\/doors)$/.test(message.ruleId ?? ''),
  )
}

describe('imports between the rooms', () => {
  it.each([
    ['renderer/run/lane.tsx', '../../engine/run/index.ts'],
    ['renderer/run/lane.tsx', '../../engine/host/index.ts'],
    ['renderer/run/lane.tsx', '../../electron/main.ts'],
    ['renderer/store/run.ts', 'node:fs'],
    ['renderer/store/run.ts', 'electron'],
    ['engine/protocol/fold.ts', 'node:fs'],
    ['engine/protocol/fold.ts', '../run/index.ts'],
    ['engine/protocol/fold.ts', 'electron'],
    ['engine/strategies/parallel.ts', 'node:crypto'],
    ['engine/strategies/parallel.ts', '../kv/index.ts'],
    ['engine/run/run.ts', 'electron'],
    ['engine/run/run.ts', '../../renderer/store/run.ts'],
    ['engine/run/run.ts', '../host/index.ts'],
    // Past a door.
    ['engine/run/run.ts', '../kv/lease.ts'],
    ['engine/host/host.ts', '../transcripts/export/json.ts'],
    ['electron/main.ts', '../engine/host/supervisor.ts'],
    ['engine/transcripts/store.ts', '../cli/solve.ts'],
    ['engine/native/load.ts', '../run/index.ts'],
    ['engine/host/host.ts', 'react'],
    ['electron/main.ts', '../engine/run/index.ts'],
    ['electron/main.ts', '../renderer/main.tsx'],
  ])('%s may not import %s', async (file, source) => expect(await refused(file, source)).toBe(true))

  it.each([
    ['renderer/run/lane.tsx', '../../engine/protocol/fold.ts'],
    ['renderer/run/lane.tsx', '../ui/button.tsx'],
    ['renderer/run/lane.tsx', 'react'],
    ['engine/protocol/fold.ts', './events.ts'],
    ['engine/protocol/fold.ts', 'zod'],
    ['engine/run/run.ts', '../native/index.ts'],
    ['engine/host/host.ts', '../run/index.ts'],
    ['engine/host/host.ts', '../transcripts/export/index.ts'],
    ['electron/main.ts', '../engine/host/index.ts'],
  ])('%s may import %s', async (file, source) => expect(await refused(file, source)).toBe(false))
})
