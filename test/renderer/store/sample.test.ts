import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RunEvent } from '../../../engine/protocol/events.ts'
import { foldRun, segmentOf } from '../../../engine/protocol/fold.ts'
import { captionAt, placed, timeOf, type CaptionSource } from '../../../renderer/store/captions.ts'

const read = (name: string) =>
  readFileSync(new URL(`../../../renderer/samples/${name}`, import.meta.url), 'utf8')
const text = read('sample.jsonl')
const events = text
  .trimEnd()
  .split('\n')
  .map((line) => RunEvent.parse(JSON.parse(line)))
const state = foldRun(events)
const captions = JSON.parse(read('captions.json')) as CaptionSource[]

test('the transcript that comes with the window is whole and of the present format', () => {
  expect(state.status).toBe('ended')
  expect(state.paths.length).toBeGreaterThan(1)
  expect(state.summaries[0]!.reads).toEqual(state.paths.map(({ segment }) => segment))
  expect(state.answer).toBe(state.summaries[0]!.answer!.text)
})

test('it is small, of a real model, and says nothing of the machine that recorded it', () => {
  expect(text.length).toBeLessThan(300_000)
  expect(state.model!.name).toMatch(/qwen/i)
  expect(state.model!.address).toEqual({ file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf' })
  expect(text).not.toMatch(/\/(root|home|Users|work|tmp)\b/)
  expect(state.settings!.seed).toBeGreaterThan(0)
})

test('some of its paths are wrong, and the answer is right: 8 of 11 jars at 4 euros', () => {
  const said = state.paths.map(({ answer }) => answer?.text ?? null)
  expect(new Set(said).size).toBeGreaterThan(2)
  expect(said.filter((answer) => answer === '32')).toHaveLength(1)
  expect(state.answer).toContain('32')
  expect(state.summaries[0]).toMatchObject({ fusion: 'cache', status: 'done' })
})

test('every caption has its moment in the events, in order, in both languages', () => {
  const times = captions.map(({ moment }) => timeOf(moment, events))
  expect(captions.length).toBeGreaterThanOrEqual(3)
  expect(captions.length).toBeLessThanOrEqual(5)
  expect(times).not.toContain(undefined)
  expect(times).toEqual([...times].sort((a, b) => a! - b!))
  for (const { text: words } of captions) {
    expect(words.en.length).toBeGreaterThan(20)
    expect(words.zh).toMatch(/\p{Script=Han}/u)
  }
  // What the captions say of the paths is what the paths say.
  const path = (segment: string) => segmentOf(state, segment)!.text
  expect(path('p2')).toContain('33')
  expect(path('p1')).toContain('44')
  expect(path('p1')).toContain('every third jar is free')
  expect(path('p3')).toContain('8 \\times 4 = 32')
  expect(path('p4')).toContain('= 22')
  expect(state.paths.map(({ answer }) => answer?.text)).toEqual(['44', '33', '32', undefined])
})

test('a moment that a recording does not have is left out, and the caption at a time is the last before it', () => {
  const words = { en: 'x', zh: 'x' }
  const none = { moment: { segment: 'p1', says: 'never said' }, text: words }
  const list = placed([none, ...captions], events)
  expect(list.map(({ text: { en } }) => en)).toEqual(captions.map(({ text: { en } }) => en))
  expect(captionAt(list, list[0]!.at - 1)).toBe(-1)
  expect(captionAt(list, list[1]!.at)).toBe(1)
  expect(captionAt(list, Infinity)).toBe(list.length - 1)
  expect(timeOf({ ends: 's1' }, events)).toBeLessThan(timeOf({ run: 'ended' }, events)!)
})
