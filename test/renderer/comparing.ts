import type { EventOf, RunEvent } from '../../engine/protocol/events.ts'
import { pathId } from '../../engine/protocol/segments.ts'
import * as synthetic from './synthetic.ts'

/** Runs for the comparisons of paths and of runs, and for many paths and dropped ones. */

const SHARED =
  '## Plan\n\nWe compare the two offers step by step, e.g. by their price per litre.\n\n1. The first bottle holds 2.5 litres and costs $5.\n2. The second one holds 1.5 litres and costs $3.\n'
const CODE = (name: string) =>
  `\n\`\`\`python\ndef price(litres, cost):\n    ${name} = cost / litres\n    return ${name}\n\`\`\`\n`

export const PAIR = [
  `${SHARED}3. The bag is free. It is not counted here.\n${CODE('each')}\nSo the **first** costs $\\frac{5}{2.5} = 2$ per litre. The second costs the same. Both are equally cheap.\n\nOne could also look at the deposit, which is returned.`,
  `${SHARED}3. The bag is free. It weighs 20 grams, cf. Fig. 2.\n${CODE('unit')}\nSo the **first** costs $\\frac{5}{2.5} = 2$ per litre. The second costs 2.10. Both are equally cheap.`,
  'Think of a market instead. Sellers shout their prices, and buyers walk on.\n\n- Some haggle.\n- Others pay at once.\n\nNobody there knows what a litre costs, and nobody minds.',
]

const PROSE =
  'The sum of two odd integers is even, since it is twice the sum of their halves, rounded up, and twice a number is even.'

const script = (run: string, more: Partial<synthetic.Script> = {}): RunEvent[] =>
  synthetic.scripted({ ...synthetic.BALLS, ...more, run })

const many = (count: number): Partial<synthetic.Script> => {
  const { paths, answers } = synthetic.BALLS
  const each = <T>(list: readonly T[]): T[] =>
    Array.from({ length: count }, (_, i) => list[i % list.length]!)
  return { paths: each(paths), answers: each(answers) }
}

/** Drops a path at the end of a run. */
const dropping = (events: readonly RunEvent[], path: number): RunEvent[] => [
  ...events,
  { type: 'segment-dropped', at: events.at(-1)!.at, segment: pathId(path) },
]

function secondSummary(events: readonly RunEvent[]): RunEvent[] {
  const { at } = events.at(-1)!
  return [
    ...events,
    synthetic.summaryStarted('s2', ['p1', 'p2'], at),
    { type: 'tokens', at, segment: 's2', tokens: synthetic.tokenise('Shorter.', () => 0.5) },
    { type: 'segment-ended', at, segment: 's2', reason: 'finished', answer: null },
    { ...(events.at(-1) as EventOf<'run-ended'>) },
  ]
}

/** Returns the events by run. */
export function comparing(): Record<string, RunEvent[]> {
  const prose = [`\\text{${PROSE}}`, `\\text{${PROSE}}`, `\\text{It is odd} + 1`]
  const stopped = script('second', { settings: { strategy: 'majority', seed: 8 } })
  const cut = script('third', {
    settings: { summaryBudget: 24 },
    answers: [null, null, null, null],
    answer: null,
  })
  return {
    pair: script('pair', {
      problem: 'Which bottle is cheaper?',
      paths: PAIR,
      answers: [null, null, null],
    }),
    prose: script('prose', {
      problem: 'Is the sum of two odd integers even?',
      paths: prose.map((text) => `We think.\n\n\\boxed{${text}}`),
      summary: `All say so: \\boxed{${prose[0]!}}`,
      answers: prose,
      answer: prose[0]!,
    }),
    sixteen: script('sixteen', many(16)).slice(0, 1400),
    dropped: dropping(script('dropped'), 3),
    nine: secondSummary(script('nine', many(9))),
    first: script('first'),
    second: stopped.map((event) =>
      event.type === 'run-ended' ? { ...event, reason: 'stopped', answer: null } : event,
    ),
    third: cut.map((event) =>
      event.type === 'segment-ended' && event.segment === 's1'
        ? { ...event, reason: 'budget' }
        : event,
    ),
  }
}
