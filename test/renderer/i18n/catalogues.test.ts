import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { en } from '../../../renderer/i18n/en.ts'
import { zh } from '../../../renderer/i18n/zh.ts'

const root = fileURLToPath(new URL('../../../renderer', import.meta.url))
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file) && !/i18n[\\/](en|zh)(\.ts$|[\\/])/.test(file))
  .map((file) => [file, readFileSync(join(root, file), 'utf8')] as const)
const places = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).sort()

test.each(Object.keys(en) as (keyof typeof en)[])(
  '%s reads the same values in both languages',
  (key) => {
    expect(places(zh[key])).toEqual(places(en[key]))
    expect(zh[key].trim()).not.toBe('')
  },
)

test('no message is left over', () => {
  const code = sources.map(([, text]) => text).join('\n')
  const families = [...code.matchAll(/`([\w.-]+)\$\{/g)].map(([, head]) => head!)
  const unused = Object.keys(en)
    .map((key) => key.replace(/_(zero|one|other)$/, ''))
    .filter(
      (key) =>
        ![`'${key}'`, `"${key}"`].some((quoted) => code.includes(quoted)) &&
        !families.some((head) => key.startsWith(head)),
    )
  expect([...new Set(unused)]).toEqual([])
})

test('no English text stands in the components', () => {
  const found = sources
    .filter(([file]) => file.endsWith('.tsx'))
    .flatMap(([file, text]) =>
      [
        ...text.matchAll(
          /(?:>|aria-label="|title="|placeholder=")\s*([A-Z][a-z]+ [a-z][^<>{}"]*)/g,
        ),
      ].map(([, words]) => `${file}: ${words}`),
    )
  expect(found).toEqual([])
})

test('styles place nothing by left and right', () => {
  const css = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.css'))
    .map((file) => [file, readFileSync(join(root, file), 'utf8')] as const)
  const physical = css.flatMap(([file, text]) =>
    [
      ...text.matchAll(
        /(?:^|[\s;{])((?:margin|padding|border)-(?:left|right)|left|right|text-align:\s*(?:left|right)|float)\s*:/gm,
      ),
    ].map(([, what]) => `${file}: ${what}`),
  )
  expect(physical).toEqual([])
})
