/** engine/native/core in C++ under AddressSanitizer and UndefinedBehaviorSanitizer: each TEST of test/native/core runs in a separate process. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cpuVariants } from '../../engine/native/load.ts'
import { coreTestsMissing, ensureCoreTests } from '../../scripts/native/index.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

const sources = join(import.meta.dirname, 'core')
const files = readdirSync(sources).filter((name) => name.endsWith('-test.cpp'))
const namesOf = (file: string) =>
  [...readFileSync(join(sources, file), 'utf8').matchAll(/^TEST\("(.+)"\)/gm)].map(
    (match) => match[1]!,
  )

/**
 * Leaks are checked on Linux only: Apple's compiler has no LeakSanitizer. Memory beyond the limit is refused, as on a full
 * machine. Freed memory is filled: ggml is not instrumented, and would go on with what it finds in a thread pool that is gone.
 */
const env = {
  ...process.env,
  ASAN_OPTIONS:
    'allocator_may_return_null=1:max_allocation_size_mb=256:max_free_fill_size=1048576:free_fill_byte=2',
  UBSAN_OPTIONS: 'print_stacktrace=1',
}

const missing = await coreTestsMissing()

describe.skipIf(missing !== undefined)(
  `the core under sanitizers${missing === undefined ? '' : `: skipped, ${missing}`}`,
  () => {
    let program: string
    let backend: string
    let model: string
    beforeAll(async () => {
      model = writeTiny(tinyModel({ shape: 'qwen2', thoughts: 9, pairs: 8 }))
      program = (await ensureCoreTests()).program
      backend = cpuVariants()[0]!.file
    }, 600_000)
    afterAll(() => {
      if (model) rmSync(dirname(model), { recursive: true })
    })

    const runTest = (name: string) =>
      promisify(execFile)(program, [backend, model, name], { env, timeout: 60_000 }).then(
        () => 'passed',
        (error: { stderr: string; message: string }) => error.stderr || error.message,
      )

    describe.each(files)('%s', (file) => {
      it.each(namesOf(file))('%s', async (name) => expect(await runTest(name)).toBe('passed'))
    })

    it('fails where a test fails or does not exist', async () => {
      expect(await runTest('no such test')).toBe('There is no test named no such test\n')
    })
  },
)
