import { describe, expect, it } from 'vitest'
import { pathId, type RunEvent } from '../../engine/protocol/events.ts'
import { applyEvent, EMPTY_RUN, foldRun } from '../../engine/protocol/fold.ts'
import type { RunSettings } from '../../engine/protocol/request.ts'
import {
  digestOf,
  digestOfRequest,
  fractionOf,
  listItem,
  withoutText,
} from '../../engine/protocol/run-list.ts'
import { ended, pathStarted, runStarted, sampleRun, tokensOf } from '../support/sample-run.ts'

describe('the line of a run in the history', () => {
  it('is read off its folded events', () => {
    const events = sampleRun('r')
    const decoded = events.reduce(
      (sum, event) => sum + (event.type === 'tokens' ? event.tokens.length : 0),
      0,
    )
    expect(digestOf(foldRun(events), false)).toEqual({
      problem: 'What is 2 + 2?',
      model: 'Tiny',
      strategy: 'parallel',
      paths: 3,
      answer: '4 again',
      status: 'ended',
      time: '2026-01-02T03:04:05.000Z',
      durationMs: 15,
      // The tokens that the branch keeps of its parent were decoded once.
      tokens: decoded,
    })
  })

  it('is the same without the texts, after each event', () => {
    let [whole, thin] = [EMPTY_RUN, EMPTY_RUN]
    for (const event of sampleRun('r')) {
      whole = applyEvent(whole, event)
      thin = applyEvent(thin, withoutText(event))
      for (const live of [true, false]) expect(digestOf(thin, live)).toEqual(digestOf(whole, live))
      expect(fractionOf(thin)).toBe(fractionOf(whole))
    }
    expect(thin.paths.map(({ text }) => text)).toEqual(['', '', ''])
  })

  it('says whether a run without an end is interrupted', () => {
    const state = foldRun(sampleRun('r').slice(0, 8))
    expect([digestOf(state, true).status, digestOf(state, false).status]).toEqual([
      'running',
      'interrupted',
    ])
    expect(digestOf(EMPTY_RUN, false).status).toBe('interrupted')
    const failed: RunEvent = { type: 'run-failed', at: 9, error: { code: 'io', message: 'x' } }
    expect(digestOf(foldRun([...sampleRun('r').slice(0, 8), failed]), true).status).toBe('failed')
  })

  it('is called by the first line of the problem, or as the user says', () => {
    const digest = {
      ...digestOf(foldRun(sampleRun('r')), false),
      problem: ' \n\n  Why?  \nBecause.',
    }
    expect(listItem('r', digest)).toMatchObject({
      run: 'r',
      title: 'Why?',
      starred: false,
      tags: [],
    })
    expect(listItem('r', { ...digest, problem: '' }).title).toBe('r')
    expect(listItem('r', { ...digest, problem: 'x'.repeat(500) }).title).toHaveLength(120)
    expect(listItem('r', digest, { title: 'Mine', starred: true, tags: ['a'] })).toMatchObject({
      title: 'Mine',
      starred: true,
      tags: ['a'],
    })
    const request = { problem: 'Why?', model: '/m.gguf', settings: { paths: 3 } }
    expect(listItem('q', digestOfRequest(request, 'now'))).toMatchObject({
      title: 'Why?',
      status: 'queued',
      paths: 3,
      time: 'now',
    })
  })
})

describe('how far a run is', () => {
  const begin = (settings: Partial<RunSettings>, nativePaths = 8): RunEvent => {
    const event = runStarted('r', 'p', { budget: 10, summaryBudget: 5, ...settings })
    return event.type === 'run-started'
      ? { ...event, model: { ...event.model, nativePaths } }
      : event
  }
  const path = (number: number): RunEvent => pathStarted(1, pathId(number), { budget: 10 })
  const think = (number: number, count: number): RunEvent => ({
    type: 'tokens',
    at: 2,
    segment: pathId(number),
    tokens: tokensOf('x'.repeat(3 * count)).slice(0, count),
  })
  const end = (number: number): RunEvent => ({
    type: 'segment-ended',
    at: 3,
    segment: pathId(number),
    reason: 'finished',
    answer: null,
  })
  const fraction = (...events: RunEvent[]) => fractionOf(foldRun(events))

  it.each<[Partial<RunSettings>, number, number]>([
    [{ strategy: 'parallel', paths: 4 }, 8, 4 * 10 + 5],
    [{ strategy: 'sequential', paths: 1 }, 8, 10 + 5],
    [{ strategy: 'sequential', paths: 1 }, 0, 10],
    [{ strategy: 'majority', paths: 4 }, 8, 4 * (10 + 5)],
    [{ strategy: 'majority', paths: 4 }, 0, 4 * 10],
    // Each of the runs has its paths and its summary.
    [{ strategy: 'parallel-majority', paths: 4, runs: 3 }, 8, 3 * (4 * 10 + 5)],
    [{ strategy: 'parallel-majority', paths: 4, runs: 3 }, 0, 3 * (4 * 10 + 5)],
  ])('%j on a model of %i trained paths: of %i tokens', (settings, nativePaths, total) => {
    const events = [begin(settings, nativePaths), path(1), think(1, 3)]
    expect(fraction(...events)).toBeCloseTo(3 / total, 12)
    expect(fraction(...events, end(1))).toBeCloseTo(10 / total, 12)
  })

  it('never falls before the end of an ordinary run, and is whole there', () => {
    const until = sampleRun('r').findIndex(({ type }) => type === 'run-ended') + 1
    const values = Array.from({ length: until + 1 }, (_, n) =>
      fraction(...sampleRun('r').slice(0, n)),
    )
    expect(values).toEqual([...values].sort((a, b) => a - b))
    expect([values[0], values.at(-1)]).toEqual([0, 1])
  })

  it('counts what a command asks for', () => {
    const run = [begin({ strategy: 'sequential', paths: 1 }, 0), path(1), think(1, 10), end(1)]
    expect(fraction(...run, ended(4, null))).toBe(1)
    expect(
      fraction(...run, ended(4, null), {
        type: 'segment-extended',
        at: 5,
        segment: 'p1',
        budget: 40,
      }),
    ).toBe(0.25)
  })
})
