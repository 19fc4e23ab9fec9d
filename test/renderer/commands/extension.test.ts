import { expect, test } from 'vitest'
import { extension } from '../../../renderer/commands/path-commands.ts'

const path = (budget: number, length: number, status: string) =>
  ({ budget, tokens: { length }, status }) as Parameters<typeof extension>[0]

test('Continue never leaves a path with a smaller budget than it had', () => {
  expect(extension(path(400, 400, 'truncated'))).toBe(200)
  expect(extension(path(400, 7, 'stopped'))).toBe(393)
  expect(extension(path(400, 300, 'interrupted'))).toBe(200)
  expect(extension(path(400, 7, 'thinking'))).toBe(200)
  expect(extension(path(20, 20, 'truncated'))).toBe(64)
})
