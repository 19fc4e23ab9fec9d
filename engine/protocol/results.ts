import { near } from './answers/literals.ts'
import type { Outcome, Reason } from './programs.ts'

/**
 * When results of programs are equal. The sandbox writes equal values as equal texts, apart from the
 * last digits of fractions: those are equal to 1e-9, wherever in a value they stand.
 */

/** A text, taken apart at its numbers. */
interface Parts {
  between: string[]
  numbers: string[]
}

function partsOf(text: string, pattern: RegExp): Parts {
  const parts: Parts = { between: [], numbers: [] }
  let end = 0
  for (const match of text.matchAll(pattern)) {
    const number = match[1]
    if (number === undefined) continue
    parts.between.push(text.slice(end, match.index))
    parts.numbers.push(number)
    end = match.index + number.length
  }
  parts.between.push(text.slice(end))
  return parts
}

const sameParts = (a: Parts, b: Parts, same: (x: string, y: string) => boolean): boolean =>
  a.between.length === b.between.length &&
  a.between.every((part, i) => part === b.between[i]) &&
  a.numbers.every((number, i) => number === b.numbers[i] || same(number, b.numbers[i]!))

/** Numbers of a value; its strings and names are passed over. */
const IN_VALUE =
  /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\p{L}_$][\p{L}\p{N}_$]*|(-?\d[\d.]*(?:e[-+]?\d+)?n?)/gsu
const WHOLE = /^-?\d+n?$/

/** Whole numbers are exact. */
const sameNumber = (a: string, b: string): boolean =>
  !(WHOLE.test(a) && WHOLE.test(b)) && near(Number(a), Number(b))

/** Numbers with a fraction in what a program printed. */
const IN_PRINT =
  /(?<![\w.])([-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE][-+]?\d))(?:[eE][-+]?\d+)?)(?!\w|\.\d)/g

/** Returns whether two texts of values, as the sandbox writes them, are of equal values. */
export const sameValue = (a: string, b: string): boolean =>
  a === b || sameParts(partsOf(a, IN_VALUE), partsOf(b, IN_VALUE), sameNumber)

/**
 * Returns whether two printed texts are equal, apart from white space at the ends of lines and of
 * the text; numbers with a fraction are equal to 1e-9.
 */
export function samePrinted(a: string, b: string): boolean {
  const [ours, theirs] = [a, b].map((text) => text.trimEnd().replace(/[^\S\n]*\r?\n/g, '\n'))
  return (
    ours === theirs ||
    sameParts(partsOf(ours!, IN_PRINT), partsOf(theirs!, IN_PRINT), (x, y) =>
      near(Number(x), Number(y)),
    )
  )
}

/**
 * Groups outcomes that are equal, and those between which there is a chain of equal ones: within a
 * tolerance, equality alone is not transitive. Returns one of each group, and each outcome's position
 * there.
 */
export function groupOutcomes(all: readonly (Outcome | null)[]): {
  outcomes: Outcome[]
  cells: (number | null)[]
} {
  /** By outcome, the first of its group. */
  const firsts: number[] = []
  for (const [i, outcome] of all.entries()) {
    firsts.push(i)
    if (outcome === null) continue
    for (let j = 0; j < i; j++) {
      const other = all[j]!
      const [one, two] = [firsts[i]!, firsts[j]!]
      if (other === null || one === two || !equalOutcomes(other, outcome)) continue
      const first = Math.min(one, two)
      firsts.forEach((of, k) => {
        if (of === one || of === two) firsts[k] = first
      })
    }
  }
  const kept = [...new Set(firsts)].filter((i) => all[i] !== null)
  return {
    outcomes: kept.map((i) => all[i]!),
    cells: all.map((outcome, i) => (outcome === null ? null : kept.indexOf(firsts[i]!))),
  }
}

function equalOutcomes(a: Outcome, b: Outcome): boolean {
  if ('value' in a && 'value' in b) return sameValue(a.value, b.value)
  if ('changed' in a && 'changed' in b) return sameValue(a.changed, b.changed)
  if ('printed' in a && 'printed' in b) return samePrinted(a.printed, b.printed)
  if ('error' in a && 'error' in b) return sameReason(a.error, b.error)
  return 'abstained' in a && 'abstained' in b && sameReason(a.abstained, b.abstained)
}

const sameReason = (a: string | Reason, b: string | Reason): boolean =>
  typeof a === 'string' || typeof b === 'string' ? a === b : a.code === b.code && a.name === b.name
