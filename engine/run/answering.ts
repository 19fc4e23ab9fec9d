import type { StreamGrammar } from '../native/index.ts'
import type { LoadedModel } from '../models/index.ts'
import { fail } from '../protocol/errors.ts'
import type { RunSettings } from '../protocol/request.ts'
import type { RunState, Segment } from '../protocol/run-state.ts'
import { readSchema } from '../protocol/schema.ts'
import { ruleOf, writesAnswer } from '../protocol/shapes.ts'

/** How the answers of a run are held to its JSON schema. */

export type AnswerGrammar = Pick<StreamGrammar, 'text' | 'schema' | 'thought'>

/** Checks that a run can have a schema. Errors: `bad-combination`. */
export function suitSchema(
  { schema, strategy, stop, probeEvery }: RunSettings,
  { ref: { capabilities } }: Pick<LoadedModel, 'ref'>,
  thought: RunState['thought'],
): void {
  if (schema === undefined) return
  if (ruleOf(strategy).forks || stop === 'stable' || probeEvery !== undefined)
    throw fail('bad-combination/schema')
  const dialect = capabilities?.dialect
  // llama-server would hold the thought to the schema, too.
  if (dialect === 'vllm' || (dialect === 'llama-server' && thought !== null))
    throw fail('bad-combination/server-schema')
}

/** Returns the grammar of a run's schema; null if it has none. Errors: `bad-request`. */
export async function answerGrammar(
  { schema }: RunSettings,
  thought: RunState['thought'],
  { native }: Pick<LoadedModel, 'native'>,
): Promise<AnswerGrammar | null> {
  if (schema === undefined) return null
  const first = (text: string) => native.tokenize(text, { special: true, bos: false }).slice(0, 1)
  return {
    text: await native.schemaGrammar(readSchema(schema)),
    schema,
    ...(thought !== null && {
      thought: {
        opens: thought.opens.flatMap((text) => [...first(text)]),
        closes: thought.closes,
        begun: thought.begins,
      },
    }),
  }
}

/**
 * Returns the grammar of a stream; undefined if its segment may write anything. `from`, `written`: as in
 * `StreamGrammar`.
 */
export function grammarFor(
  { role, source }: Pick<Segment, 'role' | 'source'>,
  { grammar, settings, trained }: AnswerRun,
  from: number,
  written: () => number[],
): StreamGrammar | undefined {
  if (grammar === null || !writesAnswer(role, settings, trained)) return undefined
  // A merged answer begins behind the thoughts of its paths.
  const { thought, ...rest } = grammar
  const thinks = thought !== undefined && source.type !== 'merge'
  return { ...rest, ...(thinks && { thought }), from, written: written() }
}

export interface AnswerRun {
  grammar: AnswerGrammar | null
  settings: RunSettings
  /** The model was trained for parallel thinking. */
  trained: boolean
}
