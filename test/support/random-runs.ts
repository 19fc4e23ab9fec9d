import type { RunCommand } from '../../engine/protocol/events.ts'
import type { RunState } from '../../engine/protocol/fold.ts'
import { showsValues } from '../../engine/protocol/question.ts'
import { AnswerBy, STRATEGIES, type RunRequest } from '../../engine/protocol/request.ts'
import { pathId, summaryId } from '../../engine/protocol/segments.ts'
import { FORKING } from './forking-model.ts'
import { Random } from './random.ts'
import type { TinyOptions } from './tiny-models.ts'

/** What the fuzzers of runs (test/run/fuzz.ts) and of the host (test/host/fuzz.ts) draw from a seed. */

export const FUZZ_MODELS: Partial<TinyOptions>[] = [
  { shape: 'qwen2', seed: 34 },
  { shape: 'qwen2', seed: 3 },
  { shape: 'qwen2', seed: 34, endless: true },
  { shape: 'llama', seed: 5, pairs: 0, thoughts: 0 },
  FORKING,
]
export const EXACT = { device: 'cpu', threads: 1, kvType: 'f32', flashAttention: 'off' } as const

/** What random runs may fail with: a model that cannot do what was asked, or a small context. */
export const FAILURES = ['bad-combination', 'context-too-small']

/** Draws from a seeded sequence. */
export class Dice {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  /** Returns the dice of one item of a campaign. */
  static of(seed: number, item: number): Dice {
    return new Dice(Math.imul(seed, 0x9e3779b1) + item)
  }

  int = (n: number): number => this.#random.int(n)
  chance = (p: number): boolean => this.#random.next() < p
  of = <T>(list: readonly T[]): T => list[this.int(list.length)]!
}

export const count = (counts: Map<string, number>, key: string): void =>
  void counts.set(key, (counts.get(key) ?? 0) + 1)

/** Prints counts, the largest first. */
export function printCounts(counts: ReadonlyMap<string, number>): void {
  for (const [what, times] of [...counts].sort((a, b) => b[1] - a[1]))
    console.log(`${String(times).padStart(8)}  ${what}`)
}

export function randomRequest(
  dice: Dice,
  files: readonly string[],
): RunRequest & { model: string } {
  const { int, chance, of } = dice
  const paths = 1 + int(4)
  const context = chance(0.3) ? 40 + int(260) : 0
  return {
    problem: 'the answer and the reason '.repeat(1 + int(3)),
    model: of(files),
    settings: {
      strategy: of(STRATEGIES),
      rounds: 1 + int(3),
      reads: 1 + int(paths),
      judgements: 1 + int(3),
      answerBy: of(AnswerBy.options),
      paths,
      runs: 1 + int(3),
      budget: chance(0.5) ? 100 + int(400) : 1 + int(30),
      summaryBudget: chance(0.2) ? 60 : 1 + int(12),
      finish: of(['first', 'half', 'last', 1, 2]),
      stop: of([undefined, undefined, 'decided', 'stable']),
      probeEvery: of([undefined, undefined, undefined, 16]),
      patience: 1 + int(3),
      sure: of([0.5, 0.75, 0.95]),
      wave: 1 + int(3),
      weight: of([undefined, 'confidence', 'tail', 'length']),
      vote: of(['equality', 'text', 'behaviour']),
      question: of(['auto', 'value', 'value', 'text', 'code']),
      seed: int(1000),
      alternatives: int(3),
      sampling: { temperature: of([0, 0.8, 1.5]) },
      controls: { fusion: of(['auto', 'auto', 'reread', 'cache']) },
      engine: { ...EXACT, context },
    },
  }
}

/** Command types; each is chosen as often as it is listed here. */
const COMMANDS = [
  'stop',
  'stop',
  'drop',
  'drop',
  'restore',
  'extend',
  'extend',
  'extend',
  'branch',
  'branch',
  'branch',
  'summarise',
  'summarise',
  'summarise',
  'override-vote',
  'compare',
  'question',
  'stop-all',
  'cancel',
] as const satisfies RunCommand['type'][]
/** What a run takes when it is over. */
const LATER = COMMANDS.filter((type) => !['stop', 'stop-all', 'cancel'].includes(type))

/** Returns a command for a run in this state. Most of them are ones that it takes. */
export function randomCommand(dice: Dice, state: RunState): RunCommand {
  const { int, chance, of } = dice
  const { paths, summaries, votes, agreement } = state
  const number = 1 + int(Math.max(1, paths.length) + (chance(0.1) ? 1 : 0))
  const segment = pathId(number)
  const length = paths[number - 1]?.tokens.length ?? 0
  const members = [
    ...votes.flatMap(({ classes }) => classes.flatMap((one) => one.members)),
    ...(agreement?.of ?? []),
  ]
  // What few states take is asked for where they do.
  const answered = paths.filter(({ answer }) => answer !== null).map((path) => path.segment)
  const choices = votes.length > 0 ? members : answered
  if (showsValues(state) && choices.length > 0 && chance(0.6))
    return { type: 'override-vote', member: of(choices) }
  const dropped = paths.filter(({ status }) => status === 'dropped')
  if (dropped.length > 0 && chance(0.3)) return { type: 'restore', segment: of(dropped).segment }
  const over = state.status !== 'running' && chance(0.9)
  switch (of(over ? LATER : COMMANDS)) {
    case 'stop':
      return { type: 'stop', segment }
    case 'drop':
      return { type: 'drop', segment }
    case 'restore':
      return { type: 'restore', segment }
    case 'extend':
      return { type: 'extend', segment, tokens: 1 + int(chance(0.1) ? 1500 : 20) }
    case 'branch':
      return {
        type: 'branch',
        segment,
        at: 1 + int(length + (chance(0.05) ? 5 : 0) || 1),
        ...(chance(0.5) && { token: 60 + int(30) }),
      }
    case 'summarise':
      return {
        type: 'summarise',
        ...(chance(0.5) && {
          segments: Array.from({ length: 1 + int(3) }, () => pathId(1 + int(paths.length || 1))),
        }),
        ...(chance(0.4) && { fusion: of(['cache', 'reread'] as const) }),
      }
    case 'stop-all':
      return { type: 'stop-all' }
    case 'override-vote':
      return {
        type: 'override-vote',
        member:
          members.length > 0 && chance(0.9)
            ? of(members)
            : chance(0.5)
              ? segment
              : summaryId(1 + summaries.length),
      }
    case 'compare':
      return { type: 'compare', calls: chance(0.5) ? [{ call: 'f(333)' }] : [] }
    case 'question':
      return { type: 'question', kind: of(['value', 'value', 'text', 'code']) }
    case 'cancel':
      return { type: 'cancel' }
  }
}
