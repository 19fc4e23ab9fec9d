import type { EventOf, RunEvent, SegmentId, Token } from '../../engine/protocol/events.ts'
import type { RunSettings } from '../../engine/protocol/request.ts'
import { Random } from './random.ts'

export const SETTINGS: RunSettings = {
  strategy: 'parallel',
  paths: 2,
  runs: 1,
  budget: 40,
  summaryBudget: 20,
  finish: 'first',
  vote: 'equality',
  sampling: {
    temperature: 0.5,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    repetitionWindow: 64,
  },
  seed: 7,
  alternatives: 2,
  reuseTokens: false,
  controls: { thoughtEmbedding: true, sameToken: false, fusion: 'auto' },
  engine: {
    device: 'cpu',
    gpuLayers: 0,
    kvType: 'f16',
    flashAttention: 'auto',
    threads: 0,
    context: 0,
  },
}

export function runStarted(
  run: string,
  problem = 'What is 2 + 2?',
  settings: Partial<RunSettings> = {},
): RunEvent {
  return {
    type: 'run-started',
    at: 0,
    format: 2,
    run,
    time: '2026-01-02T03:04:05.000Z',
    problem,
    settings: { ...SETTINGS, ...settings },
    model: {
      address: { file: '/models/tiny.gguf' },
      name: 'Tiny',
      architecture: 'qwen2',
      sizeBytes: 12_345_678,
      headerSha256: 'ab'.repeat(32),
      nativePaths: 8,
      thoughtRows: 9,
    },
    engine: { version: '0.1.0', llama: 'b1', device: 'CPU', options: SETTINGS.engine },
    promptTokens: [1, 2, 3],
    fusion: 'cache',
  }
}

/** Splits text into tokens of one to three characters, with logprobs and two alternatives each. */
export function tokensOf(text: string, seed = 1, alternatives = true): Token[] {
  const random = new Random(seed)
  const tokens: Token[] = []
  for (const characters = [...text]; characters.length > 0;) {
    const piece = characters.splice(0, 1 + Math.floor(random.next() * 3)).join('')
    const logprob = -random.next() * 3
    const others = [
      { id: tokens.length, text: piece, logprob },
      { id: tokens.length + 500, text: '?', logprob: logprob - 1 },
    ]
    tokens.push({
      id: tokens.length,
      text: piece,
      logprob,
      entropy: random.next() * 2,
      ...(alternatives ? { alternatives: others } : {}),
    })
  }
  return tokens
}

/** Returns the event that starts a path of the sample's model, from the prompt or from another path. */
export function pathStarted(
  at: number,
  segment: SegmentId,
  more: Partial<EventOf<'segment-started'>> = {},
): RunEvent {
  return {
    type: 'segment-started',
    at,
    segment,
    role: 'path',
    group: 1,
    source: { type: 'prompt' },
    thought: 1,
    seed: 1,
    budget: SETTINGS.budget,
    ...more,
  }
}

/** Returns the event that starts a summary, from the cells of these paths. */
export function summaryStarted(
  at: number,
  segment: SegmentId,
  paths: readonly SegmentId[],
  more: Partial<EventOf<'segment-started'>> = {},
): RunEvent {
  return {
    type: 'segment-started',
    at,
    segment,
    role: 'summary',
    source: {
      type: 'join',
      layout: 'shared',
      parts: [{ prompt: true }, ...paths.map((path) => ({ segment: path }))],
    },
    thought: 0,
    seed: 1,
    budget: SETTINGS.summaryBudget,
    ...more,
  }
}

/** Returns a whole run of two paths, a branch, a vote and two summaries. Texts are what the model wrote. */
export function sampleRun(
  run: string,
  texts = {
    problem: 'What is 2 + 2?',
    first: 'Two and two make \\boxed{4}',
    second: 'I count on: 3, 4',
    summary: ' \\boxed{4}.',
  },
): RunEvent[] {
  const { problem, first, second, summary } = texts
  const forced = (text: string): Token => ({
    id: 9,
    text,
    logprob: null,
    entropy: null,
    forced: true,
  })
  const batches = (segment: SegmentId, tokens: Token[], at: number): RunEvent[] => {
    const events: RunEvent[] = []
    for (let i = 0; i < tokens.length; i += 3)
      events.push({
        type: 'tokens',
        at: at + i * 10,
        segment,
        tokens: tokens.slice(i, i + 3),
      })
    return events
  }
  const [a, b] = [
    batches('p1', [forced('<think1>'), ...tokensOf(first, 1)], 10),
    batches('p2', [forced('<think2>'), ...tokensOf(second, 2)], 10),
  ]
  const mixed: RunEvent[] = []
  for (let i = 0; i < Math.max(a.length, b.length); i++)
    mixed.push(...[a[i], b[i]].filter((event) => event !== undefined))
  return [
    runStarted(run, problem),
    pathStarted(5, 'p1', { seed: 11 }),
    pathStarted(5, 'p2', { thought: 2, seed: 12 }),
    ...mixed,
    {
      type: 'segment-ended',
      at: 900,
      segment: 'p1',
      reason: 'finished',
      answer: { text: '4', span: [8 + first.indexOf('4'), 9 + first.indexOf('4')], kind: 'boxed' },
    },
    { type: 'segment-ended', at: 900, segment: 'p2', reason: 'cut', answer: null },
    { type: 'notice', at: 901, code: 'path-cut', params: { path: 2, removed: 3 } },
    summaryStarted(905, 's1', ['p1', 'p2'], { group: 1, seed: 21 }),
    ...batches('s1', [forced('<summary>'), ...tokensOf(summary, 3)], 910),
    {
      type: 'segment-ended',
      at: 1100,
      segment: 's1',
      reason: 'finished',
      answer: { text: '4', span: [17, 18], kind: 'boxed' },
    },
    {
      type: 'vote',
      at: 1101,
      rule: 'equality',
      over: 'paths',
      tie: true,
      winner: 0,
      classes: [
        { answer: '4', members: ['p1'] },
        { answer: null, members: ['p2'] },
      ],
    },
    ended(1102, '4'),
    pathStarted(2000, 'p3', { seed: 13, source: { type: 'branch', of: 'p1', at: 4 } }),
    ...batches('p3', tokensOf(' five', 4), 2010),
    { type: 'segment-ended', at: 2100, segment: 'p3', reason: 'budget', answer: null },
    { type: 'segment-dropped', at: 2101, segment: 'p2' },
    summaryStarted(2102, 's2', [], {
      seed: 22,
      source: {
        type: 'join',
        layout: 'consecutive',
        parts: [
          { prompt: true },
          { tokens: [9, 0, 1, 4], thought: 1, of: 'p1', removed: 2 },
          { tokens: [9, 0, 1, 2, 0, 1], thought: 1, of: 'p3' },
        ],
      },
    }),
    ...batches('s2', tokensOf('4 again', 5), 2110),
    { type: 'segment-ended', at: 2200, segment: 's2', reason: 'finished', answer: null },
    ended(2201, '4 again'),
  ]
}

export function ended(at: number, answer: string | null): RunEvent {
  return {
    type: 'run-ended',
    at,
    reason: 'finished',
    answer,
    usage: { promptTokens: 3, pathTokens: 30, summaryTokens: 9, kvBytes: 4096, cells: 64 },
    timings: { loadMs: 1, prefillMs: 2, pathsMs: 3, joinMs: 4, summaryMs: 5, totalMs: 15 },
  }
}
