import type { EventOf, RunEvent, SegmentId, Token } from '../../engine/protocol/events.ts'
import {
  MAX_KEPT,
  MAX_LINE,
  MAX_NOTICES,
  MAX_PROBES,
  MAX_SEGMENTS,
} from '../../engine/protocol/limits.ts'
import { ended, pathStarted, runStarted, summaryStarted } from './sample-run.ts'

/** Transcripts that ask for much more than their size, as a stranger could write them. */

const TOKEN: Token = { id: 1, text: 'a', logprob: -1, entropy: 1 }

const tokens = (segment: SegmentId, count = 1, at = 2): RunEvent => ({
  type: 'tokens',
  at,
  segment,
  tokens: Array.from({ length: count }, () => TOKEN),
})
const notice = (at = 1): RunEvent => ({ type: 'notice', at, code: 'x', params: { message: 'y' } })
const extended = (segment: SegmentId): RunEvent => ({
  type: 'segment-extended',
  at: 3,
  segment,
  budget: 9,
})
const branch = (number: number, of: SegmentId, at: number): RunEvent =>
  pathStarted(3, `p${number}`, { source: { type: 'branch', of, at } })
const probe = (number: number): RunEvent => ({
  ...(pathStarted(1, `q${number}`) as EventOf<'segment-started'>),
  role: 'probe',
})
const vote = (members: SegmentId[], more: Partial<EventOf<'vote'>> = {}): RunEvent => ({
  type: 'vote',
  at: 4,
  rule: 'equality',
  over: 'paths',
  classes: [{ answer: '1', members }],
  winner: 0,
  tie: false,
  ...more,
})
const answered = (after: number): RunEvent => ({
  type: 'probe',
  at: 3,
  segment: 'p1',
  after,
  answer: '1',
  tokens: 1,
})
const program = { language: 'python', source: 'f = 1', abstained: null, score: null } as const
/** Two programs that were compared by one call. */
const compared = (more: Partial<EventOf<'agreement'>>): RunEvent => ({
  ...(agreement(2) as EventOf<'agreement'>),
  of: ['p1', 'p2'],
  programs: [1, 2].map(() => ({ ...program, agreement: 1, ran: 1, missed: 0 })),
  winner: 0,
  why: null,
  ...more,
})
const agreement = (programs: number): RunEvent => ({
  type: 'agreement',
  at: 4,
  of: ['p1'],
  function: 'f',
  calls: [
    { text: 'f(1)', from: 'user', outcomes: [{ value: '1' }], cells: list(programs, () => 0) },
  ],
  programs: [],
  winner: null,
  why: 'no-results',
})

function list<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}

/**
 * About `n` events of every kind, each with what makes it cost most: many segments, numbers that
 * are not dense, fall or belong to one address, ends while much is open.
 */
export const EVENTS: Record<string, (n: number) => RunEvent[]> = {
  paths: (n) => list(n, (i) => pathStarted(1, `p${i + 1}`)),
  'paths from the last to the first': (n) => list(n, (i) => pathStarted(1, `p${n - i}`)),
  'the same path': (n) => list(n, () => pathStarted(1, 'p1')),
  summaries: (n) => list(n, (i) => summaryStarted(1, `s${i + 1}`, ['p1'])),
  probes: (n) => list(n, (i) => probe(n - i)),
  'branches at the end of a path': (n) => [
    pathStarted(1, 'p1'),
    tokens('p1', n / 10),
    ...list(n, (i) => branch(i + 2, 'p1', n / 10)),
  ],
  'branches of branches': (n) => [
    pathStarted(1, 'p1'),
    tokens('p1'),
    ...list(n / 2, (i) => [branch(i + 2, `p${i + 1}`, 1), tokens(`p${i + 2}`)]).flat(),
  ],
  tokens: (n) => [pathStarted(1, 'p1'), ...list(n, (i) => tokens('p1', 1, i))],
  'tokens of many paths': (n) => [
    ...list(n / 2, (i) => pathStarted(1, `p${i + 1}`)),
    ...list(n / 2, (i) => tokens(`p${i + 1}`)),
  ],
  'tokens between notices': (n) => [
    ...list(n / 2, (i) => pathStarted(1, `p${i + 1}`)),
    ...list(n / 4, (i) => [tokens(`p${i + 1}`), notice()]).flat(),
  ],
  'extensions of paths whose numbers are not dense': (n) => [
    ...list(n / 2, (i) => pathStarted(1, `p${7 * (i + 1)}`)),
    ...list(n / 2, (i) => extended(`p${7 * (i + 1)}`)),
  ],
  'extensions of paths that never began': (n) => [
    ...list(n / 2, (i) => pathStarted(1, `p${7 * (i + 1)}`)),
    ...list(n / 2, (i) => extended(`p${7 * (i + 1) + 1}`)),
  ],
  'ends of segments': (n) => [
    ...list(n / 2, (i) => pathStarted(1, `p${i + 1}`)),
    ...list(n / 2, (i): RunEvent => {
      const segment = `p${i + 1}`
      return { type: 'segment-ended', at: 3, segment, reason: 'finished', answer: null }
    }),
  ],
  'dropped segments': (n) => [
    ...list(n / 2, (i) => pathStarted(1, `p${i + 1}`)),
    ...list(n / 2, (i): RunEvent => ({ type: 'segment-dropped', at: 3, segment: `p${i + 1}` })),
  ],
  'ends and extensions': (n) => [
    ...list(n / 2, (i) => pathStarted(1, `p${i + 1}`)),
    ...list(n / 4, () => [extended('p1'), ended(3, null)]).flat(),
  ],
  failures: (n) =>
    list(n / 2, (i): RunEvent[] => [
      pathStarted(1, `p${i + 1}`),
      { type: 'run-failed', at: 3, error: { code: 'io' } },
    ]).flat(),
  resumptions: (n) =>
    list(n / 2, (i): RunEvent[] => [
      pathStarted(1, `p${i + 1}`),
      { type: 'run-resumed', at: 3 },
    ]).flat(),
  starts: (n) => list(n, () => runStarted('r')),
  votes: (n) => list(n, () => vote(['p1'])),
  comparisons: (n) => list(n, () => agreement(1)),
  questions: (n) => list(n, (): RunEvent => ({ type: 'question', at: 3, kind: 'value' })),
  notices: (n) => list(n, () => notice()),
  'answers on the way': (n) => [pathStarted(1, 'p1'), ...list(n - 1, answered)],
}

const lines = (run: string, events: readonly unknown[]): string =>
  [runStarted(run), ...events].map((event) => JSON.stringify(event) + '\n').join('')
const nested = (depth: number): string =>
  `{"type":"notice","at":1,"code":"x","deep":${'['.repeat(depth)}${']'.repeat(depth)}}`

/** Returns the lines of a run of format 1. */
function format1(run: string, events: readonly unknown[]): string {
  const { model, ...start } = runStarted(run) as EventOf<'run-started'>
  const { address, ...ref } = model
  const { file } = address as { file: string }
  return [{ ...start, format: 1, model: { file, ...ref } }, ...events]
    .map((event) => JSON.stringify(event) + '\n')
    .join('')
}
const path1 = (path: number, parent?: { path: number; at: number }) => ({
  type: 'path-started',
  at: 1,
  path,
  group: 1,
  thought: 1,
  seed: 1,
  ...(parent !== undefined && { parent }),
})
const tokens1 = (path: number, count: number) => ({
  type: 'tokens',
  at: 2,
  path,
  tokens: list(count, () => TOKEN),
})
const joined1 = (version: number, fusion: 'cache' | 'reread') => ({
  type: 'joined',
  at: 3,
  version,
  paths: [1],
  fusion,
})

const LONG = 20_000
/** This many branches at the end of a path of `LONG` tokens keep more than a run may. */
const BRANCHES = Math.ceil(MAX_KEPT / LONG) + 1
const MANY = 20_000

const CALL = (agreement(2) as EventOf<'agreement'>).calls[0]!

/** A run with one event that refers to what is not there. */
const wrong = (name: string, says: RegExp, event: RunEvent): typeof BOMBS => ({
  [name]: {
    content: (run) => lines(run, [pathStarted(1, 'p2'), pathStarted(1, 'p3'), event, notice()]),
    says,
  },
})

/** Transcripts beyond the limits of a run, with what is said of them. Each ends in a good event. */
export const BOMBS: Record<string, { content: (run: string) => string; says: RegExp }> = {
  paths: {
    content: (run) =>
      lines(
        run,
        list(MANY, (i) => pathStarted(1, `p${i + 1}`)),
      ),
    says: /p1025 is beyond the 1024 segments/,
  },
  'a path with a high number': {
    content: (run) => lines(run, [pathStarted(1, 'p9999999'), notice()]),
    says: /p9999999 is beyond/,
  },
  notices: {
    content: (run) =>
      lines(
        run,
        list(3 * MANY, () => notice()),
      ),
    says: new RegExp(`more than ${MAX_NOTICES} notices`),
  },
  joins: {
    content: (run) =>
      lines(
        run,
        list(MANY, (i) => summaryStarted(1, `s${i + 1}`, ['p1'])),
      ),
    says: /s1025 is beyond/,
  },
  probes: {
    content: (run) =>
      lines(
        run,
        list(MANY, (i) => probe(i + 1)),
      ),
    says: /q1025 is beyond/,
  },
  'branches of a long path': {
    content: (run) =>
      lines(run, [
        pathStarted(1, 'p1'),
        tokens('p1', LONG),
        ...list(BRANCHES, (i) => branch(i + 2, 'p1', LONG)),
        notice(),
      ]),
    says: /branches keep more than/,
  },
  'the same branch again': {
    content: (run) =>
      lines(run, [
        pathStarted(1, 'p1'),
        tokens('p1', LONG),
        ...list(BRANCHES, () => branch(2, 'p1', LONG)),
        notice(),
      ]),
    says: /branches keep more than/,
  },
  'members of a vote': {
    content: (run) => lines(run, [vote(list(MANY, () => 'p1')), notice()]),
    says: /classes\.0\.members/,
  },
  'results of programs': {
    content: (run) => lines(run, [agreement(MAX_SEGMENTS + 1), notice()]),
    says: /calls\.0\.cells/,
  },
  'answers on the way': {
    content: (run) => lines(run, [pathStarted(1, 'p1'), ...list(MAX_PROBES + 2, answered)]),
    says: /more than 65536 answers on the way/,
  },
  ...wrong('a group without end', /group is too high/, pathStarted(1, 'p1', { group: 2 ** 40 })),
  ...wrong(
    'a winner without a class',
    /winner is none of its classes/,
    vote(['p1'], { winner: 3 }),
  ),
  ...wrong(
    'a winner of judges without a class',
    /winner is none of its classes/,
    vote(['p1'], { over: 'judges', classes: [], winner: 3 }),
  ),
  ...wrong('a class without members', /a class has no members/, vote([], { over: 'judges' })),
  ...wrong('a choice outside of the winner', /chosen is not in/, vote(['p1'], { chosen: 'p2' })),
  ...wrong('a program that won but is not there', /winner is none/, compared({ winner: 2 })),
  ...wrong('no program', /winner is none of its programs/, compared({ programs: [], calls: [] })),
  ...wrong(
    'calls without programs',
    /not as many programs/,
    compared({ programs: [], winner: null, calls: [{ ...CALL, cells: [] }] }),
  ),
  ...wrong('fewer programs than segments', /not as many programs/, compared({ of: ['p1'] })),
  ...wrong('a choice that was not compared', /chosen is not in it/, compared({ chosen: 'p3' })),
  ...wrong(
    'more results than programs',
    /not as many results/,
    compared({ calls: (agreement(3) as EventOf<'agreement'>).calls }),
  ),
  ...wrong(
    'a result that is not there',
    /none of its outcomes/,
    compared({ calls: [{ ...CALL, outcomes: [], cells: [0, 2 ** 52] }] }),
  ),
  'parts of a summary': {
    content: (run) =>
      lines(run, [
        summaryStarted(
          1,
          's1',
          list(MANY, () => 'p1'),
        ),
        notice(),
      ]),
    says: /source\.parts/,
  },
  'deep nesting': {
    content: (run) => `${lines(run, [])}${nested(6000)}\n${lines(run, [notice()])}`,
    says: /nests more than 64 levels/,
  },
  'deep nesting in the first line': {
    content: (run) =>
      lines(run, [notice()]).replace('{', `{"deep":${'['.repeat(9e5)}${']'.repeat(9e5)},`),
    says: /nests more than 64 levels/,
  },
  'a long line': {
    content: (run) => lines(run, [{ ...notice(), long: 'y'.repeat(MAX_LINE) }, notice()]),
    says: /more than 32 MiB/,
  },
  'branches of format 1': {
    content: (run) =>
      format1(run, [
        path1(1),
        tokens1(1, LONG),
        ...list(BRANCHES, (i) => path1(i + 2, { path: 1, at: LONG })),
        tokens1(1, 1),
      ]),
    says: /repeat more than/,
  },
  'summaries of format 1 that read a long path again': {
    content: (run) =>
      format1(run, [
        path1(1),
        tokens1(1, LONG),
        ...list(BRANCHES, (i) => joined1(i + 1, 'reread')),
        tokens1(1, 1),
      ]),
    says: /repeat more than/,
  },
  'joins of format 1': {
    content: (run) =>
      format1(
        run,
        list(MANY, (i) => joined1(i + 1, 'cache')),
      ),
    says: /s1025 is beyond/,
  },
}
