import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { extractAnswer } from '../../engine/prompt/index.ts'
import { vote } from '../../engine/protocol/answers/vote.ts'
import type { RunCommand, SegmentId } from '../../engine/protocol/events.ts'
import { FORMAT1_INSTRUCTION } from '../../engine/protocol/instruction.ts'
import type { RunSettings, ValueRule } from '../../engine/protocol/request.ts'
import { pathId, summaryId } from '../../engine/protocol/segments.ts'
import type { ThinkOptions } from '../../engine/run/index.ts'
import type { TinyOptions } from '../support/tiny-models.ts'
import { newEngine, tinyFile, Watched } from './support.ts'

/**
 * Runs that Braid 0.1.0 recorded (test/transcripts/format1/README.md), run again: the same seed
 * gives the same tokens. Braid 0.1.0 took the last number of a text as its answer, so the answers
 * are those that the recorded texts state.
 */

interface Decoded {
  ids: number[]
  status: string
  reason: string | null
  answer: { text: string; kind: string } | null
  text: string
}
interface Golden {
  model: string
  again: 'same' | 'prefix' | 'reader'
  commands: {
    type: RunCommand['type']
    path?: number
    paths?: number[]
    winner?: number
    [more: string]: unknown
  }[]
  status: string
  answer: string | null
  endReason: string | null
  error: string | null
  notices: string[]
  paths: (Decoded & {
    path: number
    group: number
    thought: number
    seed: number
    parent: { path: number; at: number } | null
    budget: number
    logprobSum: number
  })[]
  summaries: (Decoded & {
    version: number
    paths: number[]
    fusion: string
    cuts: { path: number; removed: number }[]
  })[]
  votes: {
    rule: ValueRule
    over: 'paths' | 'summaries'
    classes: { answer: string | null; members: number[] }[]
    winner: number
    tie: boolean
    override?: boolean
  }[]
}
interface Begun {
  problem: string
  settings: RunSettings
  followUp?: { run: string }
}

const folder = new URL('../transcripts/format1/', import.meta.url)
const { models, runs } = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8')) as {
  models: Record<string, TinyOptions>
  runs: Record<string, Golden>
}
const begunOf = (name: string): Begun =>
  JSON.parse(readFileSync(new URL(`${name}.jsonl`, folder), 'utf8').split('\n')[0]!) as Begun

const engine = newEngine()
const files = Object.fromEntries(
  Object.entries(models).map(([name, options]) => [name, tinyFile(options).file]),
)
const again = (kind: Golden['again']) =>
  Object.entries(runs).filter(([, golden]) => golden.again === kind)

function begin(name: string, { model }: Golden): Watched {
  const { problem, settings, followUp } = begunOf(name)
  const conversation: ThinkOptions['conversation'] =
    followUp === undefined
      ? []
      : [
          {
            problem: begunOf(followUp.run).problem,
            answer: runs[followUp.run]!.summaries[0]!.text.replace(/<\/?summary>/g, ''),
          },
        ]
  // Braid 0.1.0 asked for values only, with one instruction, and always wrote a summary.
  const asked = {
    ...settings,
    question: 'value',
    answerBy: 'summary',
    instruction: FORMAT1_INSTRUCTION,
  } as const
  return new Watched(
    engine.think({ problem, model: files[model]!, settings: asked }, { conversation }),
  )
}

/** A command of format 1. */
function translated({ path, paths, winner, ...rest }: Golden['commands'][number], run: Watched) {
  return {
    ...rest,
    ...(path !== undefined && { segment: pathId(path) }),
    ...(paths !== undefined && { segments: paths.map(pathId) }),
    ...(winner !== undefined && {
      member: chosenMember(run, winner),
    }),
  } as RunCommand
}

/** Fewer answers are stated than were recorded, so the class may be missing. */
function chosenMember({ state }: Watched, winner: number): SegmentId {
  const { classes } = state.votes.at(-1)!
  return (classes[winner] ?? classes[0]!).members[0]!
}

/** What a text states. Where it was cut off, its last line states nothing; those dropped here had ended before. */
const stated = ({ text, reason }: Pick<Decoded, 'text' | 'reason'>) => {
  const answer = extractAnswer(text)
  const isCut = answer?.kind === 'final-line' && reason !== 'finished' && reason !== 'dropped'
  return answer === null || isCut ? null : { text: answer.text, kind: answer.kind }
}

/** Returns the votes of a recorded run, and its answer, by what its texts state. */
function outcomeOf({ paths, summaries, votes }: Golden, chosen: SegmentId | undefined) {
  const counted = votes.map(({ classes, rule, over, override = false }) => {
    const members = classes.flatMap((one) => one.members)
    const result = vote(
      members.map((member) =>
        over === 'paths'
          ? {
              member: pathId(member),
              answer: stated(paths.find(({ path }) => path === member)!)?.text ?? null,
            }
          : {
              member: summaryId(member),
              answer: stated(summaries.find(({ version }) => version === member)!)?.text ?? null,
            },
      ),
      rule,
    )
    const byHand = override ? result.classes.findIndex((c) => c.members.includes(chosen!)) : -1
    return { rule, over, ...result, winner: byHand < 0 ? result.winner : byHand, byHand: override }
  })
  const last = counted.at(-1)
  const single = summaries.at(-1) ?? paths[0]
  return {
    votes: counted,
    answer:
      last === undefined
        ? ((single && stated(single)?.text) ?? null)
        : (last.classes[last.winner]?.answer ?? null),
  }
}

const decoded = (run: Watched, segment: SegmentId) => {
  const { status, reason, answer, text } = run.segment(segment)
  return {
    ids: run.ids(segment),
    status,
    reason,
    text,
    answer: answer === null ? null : { text: answer.text, kind: answer.kind },
  }
}

describe('a run with the same settings, seed and commands', () => {
  it.each(again('same'))('%s: the same tokens, ends and answer', async (name, golden) => {
    const run = await begin(name, golden).end()
    let chosen: SegmentId | undefined
    for (const told of golden.commands) {
      const command = translated(told, run)
      if (command.type === 'override-vote') chosen = command.member
      const opens = !['drop', 'override-vote'].includes(command.type)
      await (opens ? run.after(command) : run.handle.command(command))
    }
    await run.close()
    const { state } = run
    for (const { path, parent, logprobSum, ...wanted } of golden.paths) {
      const { group, thought, seed, budget, ...one } = run.segment(pathId(path))
      expect({ ...decoded(run, pathId(path)), group, thought, seed, budget }).toEqual({
        ...wanted,
        answer: stated(wanted),
      })
      expect(one.parent).toEqual(parent && { segment: pathId(parent.path), at: parent.at })
      expect(Math.abs(one.logprobSum - logprobSum)).toBeLessThan(1e-3)
    }
    for (const { version, paths, fusion, cuts, ...wanted } of golden.summaries) {
      const segment = summaryId(version)
      expect(decoded(run, segment)).toEqual({ ...wanted, answer: stated(wanted) })
      expect(run.segment(segment)).toMatchObject({
        reads: paths.map(pathId),
        fusion,
        cuts: cuts.map(({ path, removed }) => ({ segment: pathId(path), removed })),
      })
    }
    expect([state.paths.length, state.summaries.length]).toEqual([
      golden.paths.length,
      golden.summaries.length,
    ])
    const outcome = outcomeOf(golden, chosen)
    expect({
      status: state.status,
      answer: state.answer,
      endReason: state.endReason,
      error: state.error?.code ?? null,
      notices: state.notices.map(({ code }) => code),
    }).toEqual({
      status: golden.status,
      answer: outcome.answer,
      endReason: golden.endReason,
      error: golden.error,
      notices: golden.notices,
    })
    expect(
      state.votes.map(({ rule, over, classes, winner, tie, chosen }) => ({
        rule,
        over,
        classes,
        winner,
        tie,
        byHand: chosen !== undefined,
      })),
    ).toEqual(outcome.votes)
  })

  it.each(again('prefix'))(
    '%s: the same tokens up to where it was cut off',
    async (name, golden) => {
      const run = begin(name, golden)
      const wanted = [
        ...golden.paths.map(({ path, ids }) => [pathId(path), ids] as const),
        ...golden.summaries.map(({ version, ids }) => [summaryId(version), ids] as const),
      ]
      const there = ([segment, ids]: (typeof wanted)[number]) => {
        const one = run.segment(segment) as ReturnType<typeof run.segment> | undefined
        return one !== undefined && one.tokens.length >= ids.length
      }
      await run.until(({ type }) => type === 'run-ended' || wanted.every(there))
      await run.close()
      for (const [segment, ids] of wanted)
        expect(run.ids(segment).slice(0, ids.length)).toEqual(ids)
    },
  )
})
