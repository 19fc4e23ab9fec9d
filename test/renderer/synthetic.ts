import {
  numberOf,
  pathId,
  summaryId,
  type EventOf,
  type Part,
  type RunEvent,
  type SegmentId,
  type Token,
} from '../../engine/protocol/events.ts'
import type { QuestionKind, RunSettings } from '../../engine/protocol/request.ts'
import type { ThoughtMarkers } from '../../engine/protocol/thoughts.ts'

/** Makes event streams of a run from given texts, for component tests and the frames benchmark only. */

export function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export const SETTINGS: RunSettings = {
  strategy: 'parallel',
  paths: 4,
  runs: 1,
  budget: 512,
  summaryBudget: 256,
  finish: 'last',
  vote: 'equality',
  seed: 7,
  alternatives: 5,
  reuseTokens: false,
  sampling: {
    temperature: 0.5,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    repetitionWindow: 64,
  },
  controls: { thoughtEmbedding: true, sameToken: false, fusion: 'auto' },
  engine: {
    device: 'cpu',
    gpuLayers: 0,
    kvType: 'f16',
    flashAttention: 'auto',
    threads: 2,
    context: 0,
  },
}

const pieces = (text: string): string[] =>
  text.match(/\s?[\p{L}]{1,6}|\s?\d{1,3}|\n+|\s?[^\s\p{L}\d]|\s/gu) ?? []
const idOf = (text: string): number => {
  let h = 7
  for (const c of text) h = (h * 31 + c.codePointAt(0)!) % 150_000
  return h
}

export function tokenise(text: string, next: () => number, alternatives = 0): Token[] {
  return pieces(text).map((piece) => {
    const sure = next()
    const logprob = sure < 0.75 ? -0.05 * next() : -0.2 - 2.5 * next()
    const others = Array.from({ length: alternatives }, (_, i) =>
      i === 0
        ? { id: idOf(piece), text: piece, logprob }
        : {
            id: idOf(piece) + i,
            text: [' the', ' so', ' we', ',', ' then'][i % 5]!,
            logprob: logprob - 0.7 * i - next(),
          },
    )
    return {
      id: idOf(piece),
      text: piece,
      logprob,
      entropy: -logprob * 1.4 + 0.1 * next(),
      ...(alternatives > 0 && { alternatives: others }),
    }
  })
}

const control = (text: string): Token => ({
  id: 151_665 + (idOf(text) % 20),
  text,
  logprob: null,
  entropy: null,
  forced: true,
})

export interface Script {
  problem: string
  paths: string[]
  summary: string
  /** Answer of each path, or null. */
  answers: (string | null)[]
  answer: string | null
  run?: string
  settings?: Partial<RunSettings>
  /** Milliseconds per decode step. */
  step?: number
  alternatives?: number
  seed?: number
}

const answerIn = (text: string, answer: string | null, offset: number) => {
  const at = answer === null ? -1 : text.lastIndexOf(answer)
  return at < 0
    ? null
    : {
        text: answer!,
        span: [at + offset, at + offset + answer!.length] as [number, number],
        kind: 'boxed' as const,
      }
}

/** Returns the start of a path from the prompt. */
export const pathStarted = (number: number, at = 0): EventOf<'segment-started'> => ({
  type: 'segment-started',
  at,
  segment: pathId(number),
  role: 'path',
  group: 1,
  source: { type: 'prompt' },
  thought: number,
  seed: 6 + number,
  budget: SETTINGS.budget,
})

/** Returns the start of a summary from the cells of paths, without a group. */
export const summaryStarted = (
  segment: SegmentId,
  paths: readonly SegmentId[],
  at = 0,
): EventOf<'segment-started'> => ({
  type: 'segment-started',
  at,
  segment,
  role: 'summary',
  source: {
    type: 'join',
    layout: 'shared',
    parts: [{ prompt: true }, ...paths.map((path): Part => ({ segment: path }))],
  },
  thought: 0,
  seed: numberOf(segment),
  budget: SETTINGS.summaryBudget,
})

/** Returns the events of a whole run. The tokens of all paths alternate, as in the engine's batches. */
export function scripted(script: Script): RunEvent[] {
  const next = random(script.seed ?? 11)
  const step = script.step ?? 45
  const settings = { ...SETTINGS, paths: script.paths.length, ...script.settings }
  const events: RunEvent[] = [
    {
      type: 'run-started',
      at: 0,
      format: 2,
      run: script.run ?? 'synthetic',
      time: '2026-01-05T09:30:00.000Z',
      problem: script.problem,
      settings,
      model: {
        address: { file: '/models/parathinker-1.5b-q4_0.gguf' },
        name: 'ParaThinker 1.5B',
        architecture: 'qwen2',
        sizeBytes: 1.1e9,
        headerSha256: 'ab'.repeat(32),
        nativePaths: 8,
        thoughtRows: 32,
      },
      engine: { version: '0.1.0', llama: 'v0.4.0', device: 'cpu', options: settings.engine },
      promptTokens: Array.from({ length: 48 }, (_, i) => i + 100),
      fusion: 'cache',
    },
  ]
  const streams = script.paths.map((text, i) => [
    control(`<think${i + 1}>`),
    ...tokenise(text, next, script.alternatives ?? 0),
    control(`</think${i + 1}>`),
  ])
  streams.forEach((_, i) => events.push({ ...pathStarted(i + 1, 320), budget: settings.budget }))
  let at = 400
  for (let i = 0; streams.some((stream) => i <= stream.length); i++, at += step) {
    streams.forEach((stream, p) => {
      const segment = pathId(p + 1)
      if (i < stream.length) events.push({ type: 'tokens', at, segment, tokens: [stream[i]!] })
      else if (i === stream.length)
        events.push({
          type: 'segment-ended',
          at,
          segment,
          reason: 'finished',
          answer: answerIn(script.paths[p]!, script.answers[p] ?? null, `<think${p + 1}>`.length),
        })
    })
  }
  const paths = script.paths.map((_, i) => pathId(i + 1))
  const summary = summaryId(1)
  events.push({
    ...summaryStarted(summary, paths, at + 2),
    group: 1,
    budget: settings.summaryBudget,
  })
  for (const token of [
    control('<summary>'),
    ...tokenise(script.summary, next, script.alternatives ?? 0),
    control('</summary>'),
  ]) {
    at += step / 2
    events.push({ type: 'tokens', at, segment: summary, tokens: [token] })
  }
  events.push({
    type: 'segment-ended',
    at,
    segment: summary,
    reason: 'finished',
    answer: answerIn(script.summary, script.answer, '<summary>'.length),
  })
  const classes = new Map<string | null, SegmentId[]>()
  script.answers.forEach((answer, i) =>
    classes.set(answer, [...(classes.get(answer) ?? []), pathId(i + 1)]),
  )
  const list = [...classes].map(([answer, members]) => ({ answer, members }))
  const most = Math.max(...list.map((one) => one.members.length))
  events.push({
    type: 'vote',
    at,
    rule: 'equality',
    over: 'paths',
    classes: list,
    winner: list.findIndex((one) => one.members.length === most),
    tie: list.filter((one) => one.members.length === most).length > 1,
  })
  events.push({
    type: 'run-ended',
    at,
    reason: 'finished',
    answer: script.answer,
    usage: {
      promptTokens: 48,
      pathTokens: streams.reduce((n, s) => n + s.length, 0),
      summaryTokens: 60,
      kvBytes: 28_672 * 900,
      cells: 2400,
    },
    timings: { loadMs: 900, prefillMs: 320, pathsMs: at, joinMs: 1, summaryMs: 1200, totalMs: at },
  })
  return events
}

/** Returns endless English-looking words with a formula in every other paragraph, for long lanes. */
export function prose(tokens: number, next: () => number): Token[] {
  const words =
    'the value of each side must then be added so that we can see how many cases remain when one is taken away and the other stays as it was'.split(
      ' ',
    )
  return Array.from({ length: tokens }, (_, i) => {
    const text =
      i % 61 === 60
        ? '.\n\n'
        : i % 122 === 30
          ? ` $\\frac{${i % 7}}{${i % 11}} + x^2$`
          : i % 13 === 12
            ? ','
            : ` ${words[Math.floor(next() * words.length)]}`
    return { id: idOf(text), text, logprob: -next(), entropy: next() * 2 }
  })
}

/** Returns the events of a run whose programs were compared: all but the last return the same. */
export function compared(events: readonly RunEvent[]): RunEvent[] {
  const of = events.flatMap((event) =>
    event.type === 'segment-started' && event.role === 'path' ? [event.segment] : [],
  )
  const last = of.length - 1
  const cells = of.map((_, i) => (i === last ? 1 : 0))
  const agreement = {
    type: 'agreement' as const,
    of,
    function: 'longest_word',
    calls: [
      {
        text: 'longest_word("one three")',
        from: 'question' as const,
        expected: "'three'",
        outcomes: [{ value: "'three'" }, { value: "'one'" }],
        cells,
      },
      {
        text: 'longest_word("a")',
        from: 'probe' as const,
        outcomes: [{ value: "'a'" }],
        cells: of.map(() => 0),
      },
      {
        text: 'longest_word("")',
        from: 'user' as const,
        outcomes: [{ value: "''" }, { error: 'ValueError: max() arg is an empty sequence' }],
        cells,
      },
      {
        text: `longest_word("${'many words '.repeat(20).trim()}")`,
        from: 'attempt' as const,
        outcomes: [{ printed: 'words' }, { abstained: { code: 'lacks-module', name: 'numpy' } }],
        cells,
      },
    ],
    programs: of.map((_, i) => ({
      language: 'python' as const,
      source: 'def longest_word(text):\n    return max(text.split(), key=len, default="")\n',
      abstained: i === last ? { code: 'lacks-module', name: 'numpy' } : null,
      score: -0.4,
      agreement: i === last ? last : 4 * last,
      ran: i === last ? 2 : 4,
      missed: i === last ? 1 : 0,
    })),
    winner: 1,
    why: null,
  }
  return events.flatMap((event): RunEvent[] =>
    event.type === 'run-ended' ? [{ ...agreement, at: event.at }, event] : [event],
  )
}

/** Returns the events with which a run of this many paths begins, before their first token. */
export function begun(run: string, paths: number, settings: Partial<RunSettings> = {}): RunEvent[] {
  return scripted({
    problem: 'x',
    paths: Array.from({ length: paths }, () => 'x'),
    summary: 'x',
    answers: Array.from({ length: paths }, () => null),
    answer: null,
    run,
    settings,
  }).filter(
    (event) =>
      event.type === 'run-started' || (event.type === 'segment-started' && event.role === 'path'),
  )
}

/**
 * Returns the events of a run of a model without training whose question was found to have this kind. `merged`: false
 * leaves out the summary, as in a majority without anything to count.
 */
export function ofKind(
  events: readonly RunEvent[],
  kind: QuestionKind,
  { thought, merged = true }: { thought?: ThoughtMarkers; merged?: boolean } = {},
): RunEvent[] {
  return events.flatMap((event): RunEvent[] => {
    const { at } = event
    const ofSummary = 'segment' in event && event.segment === summaryId(1)
    if (event.type === 'vote' || (ofSummary && !merged)) return []
    if (event.type === 'run-started')
      return [
        {
          ...event,
          settings: { ...event.settings, question: 'auto' },
          model: { ...event.model, nativePaths: 0, thoughtRows: 0 },
          ...(thought && { thought }),
        },
      ]
    if (ofSummary && event.type === 'segment-started')
      return [{ type: 'question', at, kind }, event]
    if (event.type === 'run-ended' && !merged)
      return [
        { type: 'question', at, kind },
        { type: 'notice', at, code: 'nothing-to-count' },
        { ...event, answer: null },
      ]
    return [event]
  })
}

export const BALLS: Script = {
  problem:
    'A bag holds 5 red and 7 blue balls. Two are drawn without replacement. What is the probability that both are blue?',
  paths: [
    'Okay, so there are 12 balls in total, 5 red and 7 blue. I need the probability that both balls drawn are blue.\n\nThe first ball is blue with probability 7/12. Once it is gone, 6 blue balls remain among 11, so the second one is blue with probability 6/11.\n\nMultiply: $\\frac{7}{12} \\cdot \\frac{6}{11} = \\frac{42}{132} = \\frac{7}{22}$.\n\nLet me check with counting: $\\binom{7}{2} = 21$ and $\\binom{12}{2} = 66$, and $21/66 = 7/22$. Same result.\n\nSo the answer is \\boxed{\\frac{7}{22}}.',
    'Okay, so I count pairs. The number of ways to choose two balls out of twelve is\n\n$$\\binom{12}{2} = \\frac{12 \\cdot 11}{2} = 66$$\n\nand the number of ways to choose two blue ones is $\\binom{7}{2} = 21$.\n\nEvery pair is equally likely, therefore the probability is $\\frac{21}{66}$, which reduces to $\\frac{7}{22}$.\n\n\\boxed{\\frac{7}{22}}',
    'Okay, 5 + 7 = 12 balls. Hmm, the first draw is blue in 7 of 12 cases. For the second draw, if the ball were put back, it would be 7 of 12 again.\n\nSo $\\frac{7}{12} \\cdot \\frac{7}{12} = \\frac{49}{144}$.\n\nWait, the balls are not put back, but the problem is almost the same...\n\nI will go with \\boxed{\\frac{49}{144}}.',
    'Okay, let me set up a small table of the two draws.\n\n| first | second | probability |\n|---|---|---|\n| blue | blue | 7/12 · 6/11 |\n| blue | red | 7/12 · 5/11 |\n| red | blue | 5/12 · 7/11 |\n| red | red | 5/12 · 4/11 |\n\nThe first row is what we want: 42/132. Dividing both by 6 gives 7/22, and all four rows add up to 132/132, so nothing is missing.\n\n\\boxed{\\frac{7}{22}}',
  ],
  summary:
    'By analyzing multiple reasoning processes above, I concluded that: The final answer is \\boxed{\\frac{7}{22}}.\n\nPaths 1, 2 and 4 agree: drawing without replacement gives $\\frac{7}{12} \\cdot \\frac{6}{11}$, and counting pairs gives $\\frac{21}{66}$; both are $\\frac{7}{22}$. Path 3 put the first ball back, which the problem rules out.',
  answers: ['\\frac{7}{22}', '\\frac{7}{22}', '\\frac{49}{144}', '\\frac{7}{22}'],
  answer: '\\frac{7}{22}',
  alternatives: 5,
}
