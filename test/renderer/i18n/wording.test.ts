import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import i18next from 'i18next'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { fail } from '../../../engine/protocol/errors.ts'
import { runError } from '../../../engine/protocol/events.ts'
import type { Notice } from '../../../engine/protocol/fold.ts'
import { ERRORS, NOTICES, REASONS } from '../../../engine/protocol/wording.ts'
import { TERMS } from '../../../engine/protocol/wording-more.ts'
import '../../../renderer/i18n/index.ts'
import { errorWords, noticeWords, reasonWords } from '../../../renderer/i18n/wording.ts'
import * as zh from '../../../renderer/i18n/zh/wording.ts'
import { host, setConnect } from '../../../renderer/store/host.ts'
import { command, openRun, useRuns } from '../../../renderer/store/runs.ts'
import { report, useToasts } from '../../../renderer/store/toasts.ts'
import { FakeHost } from '../fake-host.ts'

const notice = (code: string, params?: Notice['params']): Notice => ({
  type: 'notice',
  at: 0,
  code,
  ...(params && { params }),
})
const english = { ...NOTICES, ...ERRORS, ...REASONS }
const chinese = { ...zh.notices, ...zh.errors, ...zh.reasons }
const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()

test.each(Object.keys(english) as (keyof typeof english)[])(
  '%s reads the same values in both languages',
  (key) => {
    expect(places(chinese[key])).toEqual(places(english[key]))
    expect(chinese[key]).toMatch(/[\u4E00-\u9FFF]/)
  },
)

test('what a user meets while getting, adding and converting models, and in the Lab, has a code to word it by', () => {
  const engine = fileURLToPath(new URL('../../../engine', import.meta.url))
  const met = readdirSync(engine, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /^(models\/(download|convert)\/.*|models\/(registry|jobs|tasks|gguf|file-reader)|host\/(library|lab|api|attributions|runs)|(files|lab|devices)\/.*)\.ts$/.test(
      file.replaceAll('\\', '/'),
    ),
  )
  expect(met.length).toBeGreaterThan(20)
  const unworded = met.filter((file) =>
    /new BraidError\(\s*'(?!internal')/.test(readFileSync(join(engine, file), 'utf8')),
  )
  expect(unworded).toEqual([])
})

test('what failed on the disk is said in Chinese, too', async () => {
  await i18next.changeLanguage('zh')
  for (const doing of TERMS)
    expect(errorWords(runError(fail('bad-path/link', { doing })))).not.toContain(doing)
  await i18next.changeLanguage('en')
})

describe.each([
  [
    'en',
    'Path 3 was dropped.',
    'Path 2 is too long to be read again in full: 7 tokens in its middle are left out.',
    'no interpreter for rust',
    'No attempt has a program that can run here (no interpreter for rust), so nothing is compared.',
  ],
  [
    'zh',
    '路径 3 已丢弃。',
    '路径 2 太长，无法完整重读：略去其中间的 7 个词元。',
    '没有 rust 的解释器',
    '没有尝试包含可在此运行的程序（没有 rust 的解释器），因此不作比较。',
  ],
])('in %s', (language, dropped, cut, lacking, none) => {
  const fake = new FakeHost()
  beforeAll(async () => {
    await i18next.changeLanguage(language)
    setConnect(async () => fake.channel())
    await host.start()
  })
  beforeEach(() => useToasts.setState({ toasts: [] }))
  afterAll(() => i18next.changeLanguage('en'))

  test('codes with parameters are worded', () => {
    expect(errorWords(runError(fail('no-such-path/dropped', { path: 3 })))).toBe(dropped)
    expect(noticeWords(notice('path-cut', { path: 2, removed: 7 }))).toBe(cut)
  })

  test('why programs do not run is worded, alone and within a notice', () => {
    const reason = { code: 'no-interpreter', name: 'rust' }
    expect(reasonWords(reason)).toBe(lacking)
    expect(noticeWords(notice('programs-none', { reason: reason.code, name: 'rust' }))).toBe(none)
    expect(reasonWords({ code: 'unheard-of', name: 'x' })).toBe('unheard-of: x')
    expect(reasonWords({ code: 'constructor' })).toBe('constructor')
    expect(noticeWords(notice('programs-none'))).not.toContain('{')
  })

  test('what nobody foresaw, what a newer version says, and what brings its own message is shown as it is', () => {
    expect(errorWords({ code: 'io', message: 'EACCES' })).toBe('EACCES')
    expect(errorWords({ code: 'io', detail: 'io/unheard-of', message: 'Newer.' })).toBe('Newer.')
    expect(errorWords({ code: 'io' })).toBe('io')
    expect(noticeWords(notice('unheard-of'))).toBe('unheard-of')
    expect(noticeWords(notice('path-cut', { message: 'Path 2 was cut.' }))).toBe('Path 2 was cut.')
  })

  test.each(['constructor', 'toString', '__proto__'])('a code %s is none', (code) => {
    expect(noticeWords(notice(code))).toBe(code)
    expect(errorWords({ code: 'x', detail: code })).toBe('x')
  })

  test('what the host refuses is worded too: a command by its toast, a run by its view', async () => {
    fake.onCommand = () => {
      throw fail('no-such-path/dropped', { path: 3 })
    }
    report(command('r', { type: 'drop', segment: 'p3' }))
    await vi.waitFor(() => expect(useToasts.getState().toasts).toHaveLength(1))
    expect(useToasts.getState().toasts[0]!.message).toEqual(['error.plain', { message: dropped }])

    fake.onOpen = () => {
      throw fail('no-such-path/dropped', { path: 3 })
    }
    useRuns.setState({ open: {} })
    await openRun('r')
    expect(errorWords(useRuns.getState().open.r!.error!)).toBe(dropped)
  })
})
