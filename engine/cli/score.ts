import type { Command } from 'commander'
import { parseJson } from '../protocol/json.ts'
import { MAX_BUDGET } from '../protocol/request.ts'
import type { ScoreInput } from '../measure/index.ts'
import { addEngineFlags, engineOptions, type EngineFlags } from './engine-flags.ts'
import { openEngine, withChoices } from './engine.ts'
import { integer, print, readInput, UsageError } from './usage.ts'

/** Adds `braid score`, which lets anyone compare the engine with another implementation. */
export function addScore(program: Command): void {
  addEngineFlags(
    program
      .command('score')
      .description('print the logprobs of given tokens under the rules of parallel thinking'),
  )
    .argument(
      '<file>',
      'JSON: {"prompt": [ids] or text, "paths": [{"thought": 1, "tokens": [ids] or text}], "summary": [ids] or text}; with "layout": "consecutive" also "separators": [[ids] or text per path] and "keep": tokens of the prompt; - reads stdin',
    )
    .option(
      '-b, --budget <n>',
      'budget of the run to check, because positions are scaled for it (default: the longest path)',
      integer(1, MAX_BUDGET),
    )
    .action(async (file: string, asked: EngineFlags & { budget?: number }) => {
      const flags = await withChoices(asked)
      const input = parse(await readInput(file), file)
      const engine = await openEngine(flags.device)
      const cancel = new AbortController()
      const stop = () => cancel.abort()
      process.once('SIGINT', stop)
      try {
        const thoughtEmbedding = flags.thoughtEmbedding !== 'off'
        const result = await engine.score(input, {
          model: flags.model,
          engine: engineOptions(flags),
          thoughtEmbedding,
          budget: flags.budget,
          signal: cancel.signal,
        })
        await print(JSON.stringify(result) + '\n')
      } finally {
        process.off('SIGINT', stop)
        await engine.close()
      }
    })
}

/** Parses the input as JSON; the engine checks its contents. */
function parse(text: string, file: string): ScoreInput {
  try {
    return parseJson(text) as ScoreInput
  } catch (error) {
    throw new UsageError(`${file} is not valid JSON: ${(error as Error).message}`)
  }
}
