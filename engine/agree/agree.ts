import {
  boundedOutcome,
  choose,
  groupOutcomes,
  type Agreement,
  type CallRecord,
  type Job,
  type Outcome,
  type ProgramRecord,
  type Reason,
} from '../protocol/agreement.ts'
import { harvest, type Call, type UserCall } from './calls.ts'
import { harvestInputs } from './inputs.ts'
import { programsIn, type Program } from './programs.ts'

/**
 * Runs a program on its calls, then on its inputs, and returns one outcome each. Rejects only if it
 * is stopped.
 */
export type RunJob = (job: Job) => Promise<readonly Outcome[]>

export interface Attempts {
  question: string
  attempts: readonly string[]
  /** Each attempt's mean log-probability, if it is known; decides between equals. */
  scores?: readonly (number | null)[] | undefined
  /** The model's answer to `probeRequest`. */
  probe?: string | undefined
  /** What the user adds. */
  user?: readonly UserCall[] | undefined
}

/**
 * Takes the programs out of attempts, runs them on the calls that the texts hold, and returns what
 * they came to and which program agrees most with the others. Equal programs run once.
 */
export async function agree(asked: Attempts, run: RunJob): Promise<Agreement> {
  const { question, attempts, scores } = asked
  const { function: name, language, programs } = programsIn(question, attempts)
  const held = programs.filter((program): program is Program => 'source' in program)
  const calls = held.length < 2 ? [] : callsFor(asked, name, language)
  const outcomes = new Map<string, Promise<readonly Outcome[]>>()
  for (const { language, source } of calls.length > 0 ? held : []) {
    if (outcomes.has(source)) continue
    const texts = calls.map(({ text }) => text)
    const job = name === null ? { calls: [], inputs: texts } : { calls: texts }
    outcomes.set(source, run({ language, program: source, ...job }))
  }
  const results = await Promise.all(
    programs.map((program) =>
      'source' in program ? (outcomes.get(program.source) ?? null) : null,
    ),
  )
  const records = calls.map((call, i): CallRecord => {
    const all = results.map((result) => result?.[i] ?? null)
    const { outcomes, cells } = groupOutcomes(all)
    return { ...call, outcomes: outcomes.map(boundedOutcome), cells }
  })
  const blank = programs.map((program, i): ProgramRecord => ({
    language: 'source' in program ? program.language : null,
    source: 'source' in program ? program.source : '',
    abstained: 'why' in program ? program.why : lacking(results[i]),
    score: scores?.[i] ?? null,
    ...('cut' in program && program.cut === true && { cut: true }),
    ...{ agreement: 0, ran: 0, missed: 0 },
  }))
  return { function: name, calls: records, ...choose(records, blank) }
}

function callsFor(
  asked: Attempts,
  name: string | null,
  language: Program['language'] | null,
): Call[] {
  if (language === null) return []
  return name === null ? harvestInputs(asked) : harvest(asked, { function: name, language })
}

/** Returns the first thing that the interpreter lacked for a program; null if it lacked nothing. */
function lacking(outcomes: readonly Outcome[] | null | undefined): Reason | null {
  return outcomes?.find((outcome) => 'abstained' in outcome)?.abstained ?? null
}
