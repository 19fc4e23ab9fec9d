import { sameMeaning } from './meaning.ts'
import { meaningOf } from './reading.ts'

/**
 * Decides whether two short answers are mathematically equal, in the notation of benchmarks such as
 * MATH-500. Rational numbers are compared exactly. Other expressions are compared by their values
 * at fixed points, with 50 digits. Sets, tuples, intervals, unions and lists are compared part by
 * part, equations and inequalities by their solutions, choices by their letter. Anything else is
 * compared as text, as are answers that are too long, too expensive or cannot be parsed: a missed
 * equality costs less than a false one.
 */

/** Returns whether two answers are equal. 50% equals both 50 (the sign omitted) and 1/2. */
export function equalAnswers(a: string, b: string): boolean {
  return sameMeaning(meaningOf(a), meaningOf(b))
}
