import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { harvest, programsIn, readCall } from '../../engine/agree/index.ts'
import { parse } from '../../engine/agree/statements.ts'

/** 200 attempts of two models (Qwen2.5-Coder 0.5B and 1.5B) at Python tasks, as they wrote them. */
const recorded = readFileSync(join(import.meta.dirname, 'fixtures', 'attempts.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { question: string; attempts: string[] })
const attempts = recorded.flatMap(({ question, attempts }) =>
  attempts.map((text) => ({ question, text })),
)

const program = (question: string, text: string) => {
  const { function: name, programs } = programsIn(question, [text])
  const [only] = programs
  return only !== undefined && 'source' in only ? { name, ...only } : null
}
const sourceOf = (question: string, text: string) => program(question, text)?.source ?? null

describe('200 recorded attempts', () => {
  it('hold programs, whole and as they were written', () => {
    expect(attempts).toHaveLength(200)
    const without = attempts.filter(({ question, text }) => {
      const found = program(question, text)
      if (found === null) return true
      const { whole, statements } = parse(found.source, found.language)
      expect(whole, text).toBe(true)
      expect(
        statements.some(({ names }) => names.includes(found.name!)),
        text,
      ).toBe(true)
      const lines = new Set(['', ...text.split('\n').map((line) => line.trim())])
      for (const line of found.source.split('\n'))
        if (!lines.has(line.trim())) expect(line, text).toMatch(/^\w+ = \w+(?:\(\))?\.\w+$/)
      return false
    })
    expect(without.length).toBeLessThan(10)
  })

  it('of one question share a function, which is the one that it names', () => {
    for (const { question, attempts } of recorded) {
      const name = /`(\w+)\(/.exec(question)![1]
      expect(programsIn(question, attempts).function).toBe(name)
    }
  })

  it('hold the same program whatever stands around it, and again in what was taken out', () => {
    for (const { question, text } of attempts) {
      const source = sourceOf(question, text)
      if (source === null) continue
      for (const around of [
        `Let's think (step by step.\n\n${text}\n\nIt's "done".`,
        text.replaceAll('\n', '\r\n'),
        `\`\`\`\`\`markdown\n${text}\n\`\`\`\`\``,
        `\`\`\`python\n${source}\`\`\``,
        `<pre><code>${source.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</code></pre>`,
      ])
        expect(sourceOf(question, around), around).toBe(source)
    }
  })

  it('hold a whole program or none wherever they are cut off', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...attempts),
        fc.double({ min: 0, max: 1, noNaN: true }),
        ({ question, text }, share) => {
          const found = program(question, text.slice(0, Math.floor(share * text.length)))
          if (found === null) return
          expect(parse(found.source, found.language).whole).toBe(true)
          if (!text.includes(found.source.trimEnd()) && found.cut !== true)
            expect(sourceOf(question, text)).toContain(found.source.split('\n')[0])
        },
      ),
      { numRuns: 300 },
    )
  })

  it('hold calls that are read the same again', () => {
    const silent = recorded.filter(({ question, attempts }) => {
      const { function: name, language } = programsIn(question, attempts)
      const called = { function: name!, language: language! }
      const calls = harvest({ question, attempts }, called)
      for (const { text } of calls) expect(readCall(text, called)).toBe(text)
      return calls.length === 0
    })
    expect(silent.length).toBeLessThan(recorded.length / 4)
  })
})
