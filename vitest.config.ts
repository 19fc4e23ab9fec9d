import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

/** What `npm test -- fast` leaves out: more than a few seconds each on two idle cores. */
const SLOW = [
  'test/api/{openai,start}.test.ts',
  'test/{cli,e2e,egress,electron,kill,package,parity,patches,sandbox}/**',
  'test/devices/cpu.test.ts',
  'test/host/{process,fuzz/fuzz,drop-then-stop}.test.ts',
  'test/models/{convert,download}/**',
  'test/models/{fit,limits}.test.ts',
  'test/native/layout.test.ts',
  'test/remote/{llama-server,servers}.test.ts',
  'test/renderer/browser/**',
  'test/serve/start.test.ts',
  'test/run/{memory,smollm2}.test.ts',
]
const left = process.env.BRAID_TEST === 'fast' ? SLOW : []

/**
 * Tests mirror the source. Engine tests run real models, so a test may take its time; none of them measures it. A limit
 * only ends a test that hangs: it is far above what a busy machine needs.
 */
export default defineConfig({
  test: {
    pool: 'forks',
    // Two decode loops on the same cores slow each other more than two files in turn.
    maxWorkers: 2,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'engine',
          include: ['test/**/*.test.ts'],
          exclude: ['test/renderer/**', 'test/e2e/**', ...left],
          environment: 'node',
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        plugins: [react()],
        test: {
          name: 'renderer',
          include: ['test/renderer/**/*.test.{ts,tsx}'],
          exclude: left,
          environment: 'node',
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: left,
          environment: 'node',
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
