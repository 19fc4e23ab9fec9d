/** Joins that read paths one behind the other, from their cells, for the parity tests. */
import { expect } from 'vitest'
import type { ContextOptions, NativeContext, NativeToken } from '../../engine/native/load.ts'
import { Random } from '../support/random.ts'
import { reference, type ReferenceInput } from '../support/reference.ts'
import type { TinyModel } from '../support/tiny-models.ts'
import {
  decode,
  difference,
  makeContext,
  open,
  pathSeq,
  PROMPT,
  randomTokens,
  scenario,
  stream,
  summarySeq,
} from './harness.ts'

export type Consecutive = ReferenceInput & Required<Pick<ReferenceInput, 'consecutive' | 'summary'>>
type Place = 'move' | 'copy'

/** Five paths behind all of the prompt except its last three tokens. */
export function joined(
  model: TinyModel,
  lengths: readonly number[] = [40, 3, 25, 70, 12],
): Consecutive {
  const input = scenario(model, lengths)
  const random = new Random(2)
  return {
    ...input,
    consecutive: {
      keep: input.prompt.length - 3,
      separators: lengths.map((_, i) => randomTokens(model, random, i === 0 ? 9 : 4)),
    },
  }
}

export async function fill(
  context: NativeContext,
  { prompt, paths }: ReferenceInput,
): Promise<void> {
  await context.prefill({ seq: PROMPT, tokens: prompt, thought: 0 })
  for (const [i, path] of paths.entries()) {
    const parent = path.parent
    await (parent
      ? context.copy(pathSeq(parent.path), pathSeq(i), prompt.length + parent.at)
      : context.copy(PROMPT, pathSeq(i)))
    await context.prefill({ seq: pathSeq(i), tokens: path.tokens, thought: path.thought })
  }
}

export async function summarise(
  context: NativeContext,
  { prompt, paths, summaryPaths, consecutive, summary }: Consecutive,
  place: (path: number) => Place,
): Promise<NativeToken[]> {
  const read = summaryPaths ?? paths.map((_, i) => i)
  const { tokens } = await decode(context, [
    stream({
      id: 0,
      seq: summarySeq(0),
      forced: summary,
      budget: summary.length,
      parts: [
        { from: PROMPT, end: consecutive.keep },
        ...read.flatMap((path, i) => [
          { tokens: consecutive.separators[i]!, thought: 0 },
          { from: pathSeq(path), start: prompt.length, place: place(path) },
        ]),
      ],
    }),
  ])
  return tokens.get(0)!
}

/** Returns the largest difference of the summary from the reference; joins must take no memory. */
export async function parity(
  model: TinyModel,
  input: Consecutive,
  place: (path: number) => Place,
  options: Partial<ContextOptions> = {},
  device = 'cpu',
): Promise<number> {
  const native = await open(model, device)
  const context = await makeContext(native, {
    ...options,
    ...(input.yarn && { yarn: input.yarn }),
  })
  const { info } = context
  expect(info.canShift).toBe(true)
  await fill(context, input)
  const summary = await summarise(context, input, place)
  expect(context.info).toEqual(info)
  await context.free()
  await native.close()
  return difference(summary, reference(model, input).summary)
}
