import type {
  Experiment,
  LabCell,
  LabEstimate,
  LabRun,
  LabSet,
  LabSpec,
  Result,
} from '../../engine/protocol/wire.ts'

/** Experiments of the host in memory. */

const spec = (change: Partial<LabSpec> = {}): LabSpec => ({
  model: '/models/parathinker-1.5b-q4_0.gguf',
  data: '/opt/braid/models/everyday-40.jsonl',
  fields: {},
  limit: 40,
  samples: 1,
  answer: 'last-number',
  settings: { seed: 0 },
  jobs: 3,
  order: 'problem',
  plan: {
    kind: 'eval',
    strategies: ['sequential', 'parallel'],
    paths: [8],
    budgets: [512],
    votes: [],
  },
  ...change,
})

function cell(
  strategy: LabCell['strategy'],
  paths: number,
  correct: number,
  n: number,
  change: Partial<LabCell> = {},
): LabCell {
  const accuracy = correct / n
  return {
    strategy,
    paths,
    budget: 512,
    vote: null,
    n,
    correct,
    accuracy,
    low: Math.max(0, accuracy - 0.15),
    high: Math.min(1, accuracy + 0.14),
    runs: 1,
    finish: 'last',
    problems: n,
    failed: 0,
    anyPath: Math.min(1, accuracy + 0.1),
    pathTokens: 210 * paths,
    summaryTokens: 90,
    tokens: 300 + 210 * paths,
    medianMs: 2400 + 600 * paths,
    meanMs: 2500 + 600 * paths,
    peakKvBytes: 2 ** 20 * paths,
    unit: `${strategy} p${paths} b512`,
    ...change,
  }
}

const against = (difference: number, low: number, high: number, n: number) => ({
  gain: {
    against: 'sequential p1 b512',
    difference,
    low,
    high,
    n,
    right: Math.round(n * (0.5 + difference)),
    rightAgainst: Math.round(n * 0.5),
  },
})

const experiment = (id: string, change: Partial<Experiment>): Experiment => ({
  id,
  title: 'Is it worth it? ParaThinker 1.5B',
  time: '2026-01-02T03:04:05.000Z',
  spec: spec(),
  state: 'running',
  model: 'ParaThinker 1.5B',
  unscored: { count: 0, of: 40, first: [] },
  searching: null,
  done: 58,
  wanted: 80,
  msLeft: 190_000,
  cells: [
    cell('sequential', 1, 14, 29),
    cell('parallel', 8, 18, 29, against(0.138, -0.031, 0.296, 29)),
  ],
  ...change,
})

const WIDE = [2, 4, 8].flatMap((paths, i) => [
  cell('parallel', paths, 21 + 3 * i, 40, against(0.05 + 0.075 * i, -0.1 + 0.06 * i, 0.2, 40)),
  cell('majority', paths, 20 + 2 * i, 40, {
    vote: 'equality',
    failed: i,
    ...against(0.03 + 0.05 * i, -0.1, 0.2, 40),
  }),
])

export const EXPERIMENTS: Experiment[] = [
  experiment('lab-20260102-030405-aaaaaa', {}),
  experiment('lab-20260101-030405-bbbbbb', {
    title: 'Paths and budgets: ParaThinker 1.5B on everyday-40.jsonl',
    time: '2026-01-01T03:04:05.000Z',
    state: 'done',
    done: 280,
    wanted: 280,
    msLeft: null,
    cells: [cell('sequential', 1, 20, 40), ...WIDE],
  }),
  experiment('lab-20251231-030405-cccccc', {
    title: 'Tunnel vision',
    time: '2025-12-31T03:04:05.000Z',
    state: 'failed',
    done: 3,
    wanted: 400,
    msLeft: null,
    error: { code: 'out-of-memory', message: 'The run needs 8 GiB, but only 2 GiB are free.' },
    cells: [0, 10, 20].map((prefix) =>
      cell('sequential', 1, 1, 4, {
        prefix,
        variant: `${prefix} tokens, alone`,
        unit: `sequential p1 b512 ${prefix}`,
      }),
    ),
  }),
]

export const LAB_SETS: Result<'lab.sets'> = [
  { file: '/opt/braid/models/everyday-40.jsonl', name: 'everyday-40.jsonl', own: true },
  { file: '/opt/braid/models/numbers-40.jsonl', name: 'numbers-40.jsonl', own: true },
]

export const LAB_SET: LabSet = {
  file: LAB_SETS[0]!.file,
  name: LAB_SETS[0]!.name,
  problems: 40,
  found: ['problem', 'answer', 'level'],
  problemField: 'problem',
  answerField: 'answer',
  unscored: { count: 2, of: 40, first: [1, 7] },
  samples: [
    { problem: 0, text: 'Explain why the sky is blue.', expected: null, scores: false },
    {
      problem: 1,
      text: 'A gardener plants 7 rows of 12 tulips. How many tulips are there?',
      expected: '84',
      scores: true,
    },
    { problem: 2, text: 'How much is 2 + 2?', expected: '4', scores: true },
  ],
}

export const LAB_ESTIMATE: LabEstimate = {
  runs: 160,
  tokens: 322_759,
  ms: 2_380_000,
  speeds: [
    { paths: 1, tokensPerSecond: 31.2 },
    { paths: 8, tokensPerSecond: 121.7 },
  ],
}

export const LAB_RUNS: LabRun[] = Array.from({ length: 12 }, (_, i) => ({
  run: i === 1 ? null : 'balls',
  problem: i,
  sample: 0,
  text: `Problem ${i}: a bag holds ${i} red and 5 blue balls, and two of them are drawn at once.`,
  expected: String(i),
  answer: i === 2 ? null : String(i < 5 ? i + 1 : i),
  correct: i >= 5,
  anyPath: i > 3,
  tokens: 1200 + i,
  ms: 5000 + 100 * i,
  ...(i === 0 && { error: { code: 'out-of-cells', message: 'No cells are free.' } }),
}))
