import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

const docs = readdirSync('docs').filter((name) => name.endsWith('.md'))
const PAGES = ['README.md', ...docs.map((name) => `docs/${name}`)]
const ROOM = /`((?:electron|engine|patches|renderer|scripts|test|training)\/[\w./-]+)`/g
const LINK = /\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g

const found = (pattern: RegExp, text: string): string[] =>
  [...text.matchAll(pattern)].map(([, name]) => name!)

describe.each(PAGES)('%s', (page) => {
  const text = readFileSync(page, 'utf8')
  it('names files that exist', () => {
    const named = [...found(ROOM, text), ...found(LINK, text).map((to) => join(dirname(page), to))]
    expect(named.filter((file) => !existsSync(file))).toEqual([])
  })
})

it('every fault has its tests', () => {
  const rows = readFileSync('docs/security.md', 'utf8').match(/^\| \d+ \|.*$/gm) ?? []
  expect(rows).toHaveLength(26)
  expect(rows.filter((row) => found(/`(test\/[\w./-]+\.test\.ts)`/g, row).length === 0)).toEqual([])
})
