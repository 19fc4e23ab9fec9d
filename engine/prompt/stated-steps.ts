/**
 * Reads a solution that is given as steps of arithmetic: "3 * 4 = 12, 12 + 5 = 17" says (3 * 4) + 5.
 * In a game in which the result is given, the way to it is the answer.
 */

/** What such a line begins with, as the model of the numbers game writes it. */
const SOLVED = /^\s*solved:\s*/i
const NUMBER = String.raw`(-?\d{1,9}(?:\.\d{1,9})?)`
const STEP = new RegExp(String.raw`^\s*${NUMBER} ?([-+*/]) ?${NUMBER} ?= ?${NUMBER}\s*\.?\s*$`)

const VALUE: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
}

/**
 * Returns the expression that the steps of a line make up, and where in the line they begin; null if
 * a step is wrong, or does not use what the one before it found.
 */
export function solvedLine(line: string): { text: string; start: number } | null {
  const label = SOLVED.exec(line)
  if (label === null) return null
  /** Results that no later step has used. */
  let open: { value: string; text: string }[] = []
  for (const step of line.slice(label[0].length).split(',')) {
    const [, a, sign, b, value] = STEP.exec(step) ?? []
    if (a === undefined) return null
    const right = VALUE[sign!]!(Number(a), Number(b))
    if (!(Math.abs(right - Number(value)) < 1e-6)) return null
    const take = (operand: string) => {
      const used = open.find((one) => one.value === operand)
      open = open.filter((one) => one !== used)
      return used === undefined ? operand : `(${used.text})`
    }
    const text = `${take(a)} ${sign} ${take(b!)}`
    open.push({ value: value!, text })
  }
  return open.length === 1 ? { text: open[0]!.text, start: label[0].length } : null
}
