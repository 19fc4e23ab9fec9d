import { describe, expect, it } from 'vitest'
import { harvest, probeRequest, programsIn } from '../../engine/agree/index.ts'

const block = (code: string, tag = 'python') => `\`\`\`${tag}\n${code}\n\`\`\``
const TOTAL = block('def total(xs):\n    return sum(xs)')
const READS = block('print(sum(map(int, input().split())))')
const request = (question: string, ...attempts: string[]) =>
  probeRequest(question, programsIn(question, attempts))

describe('the request for calls', () => {
  it('names the function as it is declared, in the language of the question', () => {
    expect(request('Write total(xs).\n', TOTAL)).toBe(
      'This is a programming task:\n\nWrite total(xs).\n\nThe Python function `total` (`def total(xs)`) exists. Write 12 different calls of it that test typical and tricky inputs, one per line, with all arguments written out, such as `total(...)`. Do not write the function.',
    )
    expect(request('写一个函数 total，求列表之和。', TOTAL)).toBe(
      '这是一道编程题：\n\n写一个函数 total，求列表之和。\n\nPython 函数 `total`（`def total(xs)`）已经写好。请写出 12 个对它的不同调用，用来测试典型和棘手的输入，每行一个，写全所有参数，例如 `total(...)`。不要写出函数本身。',
    )
  })

  it('asks for inputs of programs that read them', () => {
    expect(request('Add the numbers.', READS)).toMatch(
      /12 different inputs that a user types[^]*\n```text\n3 17\n```\n[^]* outputs\.$/,
    )
    const chinese = request('读入若干整数，输出它们的和。', READS)!
    expect(chinese).toMatch(/12 个不同的输入[^]*\n```\n3 17\n```\n[^]*不要写输出。$/)
    expect(chinese).not.toMatch(/[A-Za-z]{2}/)
  })

  it('is in English for a question in Japanese or any other language', () => {
    for (const question of ['合計する関数 total を書いてください。', 'Écris total(xs).'])
      expect(request(question, TOTAL)).toMatch(/^This is a programming task/)
  })

  it('is not made where there is nothing to call', () => {
    expect(request('写一首诗。', '好的。')).toBeNull()
  })

  it('holds no call that would be run', () => {
    for (const question of ['Write a sum.', '求和。'])
      expect(
        harvest(
          { question: 'x', attempts: [], probe: request(question, TOTAL)! },
          { function: 'total', language: 'python' },
        ),
      ).toEqual([])
  })
})
