/** What a summary attended to, against the softmax of the float64 reference, and the errors that prevent an answer. */
import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadAddon, type NativeAddon } from '../../engine/native/load.ts'
import { numberOf, type SegmentId } from '../../engine/protocol/segments.ts'
import type { Attribution } from '../../engine/protocol/wire.ts'
import { Engine } from '../../engine/run/index.ts'
import { reference, type ReferencePath } from '../support/reference.ts'
import { segmentOf } from '../../engine/protocol/fold.ts'
import {
  idsOf,
  newEngine,
  readInTurn,
  solve,
  start,
  tinyFile,
  wrapModel,
  type Watched,
} from '../run/support.ts'

const engine = newEngine()
const settings = {
  seed: 5,
  paths: 3,
  budget: 24,
  summaryBudget: 12,
  finish: 'last' as const,
  sampling: { temperature: 1 },
}
const refused = (code: string, message: RegExp = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error

/** Returns the shares of the reference: `own` says which path's cells each span holds. */
function expected(
  tiny: ReturnType<typeof tinyFile>,
  run: Watched,
  paths: ReferencePath[],
  summaryPaths: number[],
  summary: SegmentId,
): number[][] {
  const prompt = [...run.state.promptTokens]
  const { attention } = reference(tiny.model, {
    prompt,
    paths,
    summaryPaths,
    summary: run.ids(summary),
  })
  const ends = [prompt.length]
  for (const { tokens } of paths) ends.push(ends.at(-1)! + tokens.length)
  return attention.map((row) => {
    const shares = [0, ...summaryPaths.map(() => 0), 0]
    for (const [cell, share] of row) {
      const span = ends.findIndex((end) => cell < end)
      const column =
        span === 0 ? 0 : span < 0 ? shares.length - 1 : 1 + summaryPaths.indexOf(span - 1)
      shares[column]! += share
    }
    return shares
  })
}

function close(told: Attribution, wanted: number[][], bound = 1e-4): void {
  expect(told.shares).toHaveLength(wanted.length)
  for (const [i, row] of told.shares.entries()) {
    expect(row).toHaveLength(wanted[i]!.length)
    expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 3)
    row.forEach((share, k) =>
      expect(Math.abs(share - wanted[i]![k]!), `token ${i}, span ${k}`).toBeLessThan(bound),
    )
  }
}

const own = (run: Watched, path: SegmentId): ReferencePath => {
  const { thought, parent } = run.segment(path)
  return parent === null
    ? { thought, tokens: run.ids(path) }
    : {
        thought,
        tokens: run.ids(path).slice(parent.at),
        parent: { path: numberOf(parent.segment) - 1, at: parent.at },
      }
}

describe.each(['qwen2', 'llama'] as const)('%s', (shape) => {
  const tiny = tinyFile({ shape, seed: 51, endless: true })

  it('joined paths: the share of each, token by token, as the reference has it', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const fractions: number[] = []
    const told = await engine.attribute(run.events, 's1', {
      onProgress: (fraction) => fractions.push(fraction),
    })
    expect(told).toMatchObject({
      segment: 's1',
      promptTokens: run.state.promptTokens.length,
      paths: ['p1', 'p2', 'p3'].map((segment) => ({ segment, tokens: run.ids(segment).length })),
    })
    close(
      told,
      expected(
        tiny,
        run,
        ['p1', 'p2', 'p3'].map((path) => own(run, path)),
        [0, 1, 2],
        's1',
      ),
    )
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
    expect(fractions.at(-1)).toBe(1)
  })

  it('a branch shares its beginning with its parent, which counts for the parent; a path extended since is read as it was', async () => {
    const run = await solve(engine, tiny.file, 'the answer', { ...settings, paths: 2 })
    const at = Math.ceil(run.ids('p2').length / 2)
    await run.after({ type: 'branch', segment: 'p2', at })
    await run.after({ type: 'summarise' })
    const then = { ...run.state }
    const wanted = expected(
      tiny,
      run,
      ['p1', 'p2', 'p3'].map((path) => own(run, path)),
      [0, 1, 2],
      's2',
    )
    await run.after({ type: 'extend', segment: 'p1', tokens: 5 })
    expect(run.ids('p1').length).toBeGreaterThan(then.paths[0]!.tokens.length)
    const told = await engine.attribute(run.events, 's2')
    expect(told.paths).toEqual(
      then.paths.map(({ segment, tokens }) => ({
        segment,
        tokens: tokens.length - (segment === 'p3' ? at : 0),
      })),
    )
    close(told, wanted)
  })
})

const tiny = tinyFile({ seed: 52 })

it('a subset is read alone, and a run thinks on afterwards', async () => {
  const run = await solve(engine, tiny.file, 'the answer', settings)
  await run.after({ type: 'summarise', segments: ['p2'] })
  const told = await engine.attribute(run.events, 's2')
  expect(told.paths.map(({ segment }) => segment)).toEqual(['p2'])
  close(
    told,
    expected(
      tiny,
      run,
      ['p1', 'p2'].map((path) => own(run, path)),
      [1],
      's2',
    ),
  )
  await run.after({ type: 'summarise', segments: ['p2'] })
  expect(run.ids('s3')).toHaveLength(run.ids('s2').length)
})

it('re-read paths: by control tokens after the prompt, by text with the words around them counted as prompt', async () => {
  const run = await solve(engine, tiny.file, 'the answer', {
    ...settings,
    controls: { fusion: 'reread' },
  })
  const told = await engine.attribute(run.events, 's1')
  expect(told).toMatchObject({
    promptTokens: run.state.promptTokens.length,
    paths: ['p1', 'p2', 'p3'].map((segment) => ({ segment, tokens: run.ids(segment).length })),
  })
  for (const row of told.shares) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 3)

  const foreign = tinyFile({ seed: 53, pairs: 0, thoughts: 0 })
  const other = await solve(engine, foreign.file, 'the answer', {
    ...settings,
    controls: { fusion: 'reread' },
  })
  const text = await engine.attribute(other.events, 's1')
  expect(text.promptTokens).toBeGreaterThan(other.state.promptTokens.length)
  expect(text.paths.map(({ tokens }) => tokens > 0)).toEqual([true, true, true])
  for (const row of text.shares) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 3)
})

describe.each(['qwen2', 'llama'] as const)('%s, paths one behind another', (shape) => {
  const foreign = tinyFile({ shape, seed: 56, pairs: 0, thoughts: 0, endless: true })

  /** Returns the shares of the reference. */
  function inTurn(run: Watched, summary: SegmentId, then = run.state): number[][] {
    const { keep, separators, parts } = readInTurn(run, summary)
    const at = { ...run, segment: (path: SegmentId) => segmentOf(then, path)! }
    const closing = separators.at(-1)!.length
    const { attention, owners } = reference(foreign.model, {
      prompt: then.promptTokens,
      paths: then.paths.map(({ segment, thought, parent }) => ({
        thought,
        tokens: idsOf(at.segment(segment)).slice(parent?.at ?? 0),
        ...(parent && { parent: { path: numberOf(parent.segment) - 1, at: parent.at } }),
      })),
      summaryPaths: parts.map(({ segment }) => numberOf(segment) - 1),
      consecutive: { keep, separators, from: parts.map(({ from }) => from) },
      summary: run.ids(summary),
    })
    const [first] = attention
    const before = Math.max(...first!.keys()) // the summary's own first cell
    expect(closing).toBeGreaterThan(0)
    return attention.map((row) => {
      const shares = [0, ...parts.map(() => 0), 0]
      for (const [cell, share] of row) {
        const owner = owners.get(cell)
        const column = owner !== undefined ? owner + 1 : cell >= before ? shares.length - 1 : 0
        shares[column]! += share
      }
      return shares
    })
  }

  it('the share of each, token by token; the words around them count as prompt', async () => {
    const run = await solve(engine, foreign.file, 'the answer', settings)
    const { keep, separators } = readInTurn(run, 's1')
    const told = await engine.attribute(run.events, 's1')
    expect(told).toMatchObject({
      segment: 's1',
      promptTokens: keep + separators.reduce((sum, { length }) => sum + length, 0),
      paths: ['p1', 'p2', 'p3'].map((segment) => ({ segment, tokens: run.ids(segment).length })),
    })
    close(told, inTurn(run, 's1'))
  })

  it('a branch is read whole, though it shares its beginning; a path extended since is read as it was', async () => {
    const run = await solve(engine, foreign.file, 'the answer', { ...settings, paths: 2 })
    await run.after({ type: 'branch', segment: 'p2', at: 9 })
    await run.after({ type: 'summarise' })
    const then = run.state
    await run.after({ type: 'extend', segment: 'p1', tokens: 5 })
    const told = await engine.attribute(run.events, 's2')
    expect(told.paths).toEqual(
      then.paths.map(({ segment, tokens }) => ({ segment, tokens: tokens.length })),
    )
    close(told, inTurn(run, 's2', then))
  })
})

it('a cut path is read as it was cut', async () => {
  const small = tinyFile({ seed: 54, context: 256 })
  const run = await solve(engine, small.file, 'the answer', {
    ...settings,
    paths: 4,
    budget: 90,
    controls: { fusion: 'reread' },
  })
  const { cuts } = run.state.summaries[0]!
  expect(cuts.length).toBeGreaterThan(0)
  const told = await engine.attribute(run.events, 's1')
  for (const { segment, tokens } of told.paths)
    expect(tokens).toBe(
      run.ids(segment).length - (cuts.find((cut) => cut.segment === segment)?.removed ?? 0),
    )
})

it('a quantised cache is read as F16', async () => {
  const run = await solve(engine, tiny.file, 'the answer', {
    ...settings,
    engine: { kvType: 'q8_0', flashAttention: 'auto' },
  })
  close(
    await engine.attribute(run.events, 's1'),
    expected(
      tiny,
      run,
      ['p1', 'p2', 'p3'].map((path) => own(run, path)),
      [0, 1, 2],
      's1',
    ),
    2e-2,
  )
})

it('says what is missing: the summary, the model, another model, memory', async () => {
  const run = await solve(engine, tiny.file, 'the answer', settings)
  await expect(engine.attribute(run.events, 's7')).rejects.toThrowError(
    refused('bad-request', /no summary s7/),
  )
  await expect(engine.attribute(run.events.slice(0, 3), 's1')).rejects.toThrowError(
    refused('bad-request'),
  )
  const from = (file: string) =>
    run.events.map((event) =>
      event.type === 'run-started'
        ? { ...event, model: { ...event.model, address: { file } } }
        : event,
    )
  await expect(engine.attribute(from('/nowhere/a.gguf'), 's1')).rejects.toThrowError(
    refused('model-not-found', /Restore the file/),
  )
  await expect(
    engine.attribute(from(tinyFile({ seed: 55, layers: 1 }).file), 's1'),
  ).rejects.toThrowError(refused('wrong-model'))
  const broken = `${tiny.file}.broken`
  writeFileSync(broken, 'GGUF and nothing more')
  await expect(engine.attribute(from(broken), 's1')).rejects.toThrowError(refused('bad-model'))

  const real = loadAddon({ gpu: false })
  const addon: NativeAddon = {
    ...real,
    openModel: (options) => {
      const { done, cancel } = real.openModel(options)
      return {
        cancel: () => cancel(),
        done: done.then((model) =>
          wrapModel(model, {
            createContext: () =>
              Promise.reject(Object.assign(new Error('full'), { code: 'out-of-memory' })),
          }),
        ),
      }
    },
  }
  const poor = new Engine({ addon, version: 'test' })
  await expect(poor.attribute(run.events, 's1')).rejects.toThrowError(
    refused('out-of-memory', /fewer paths/),
  )
  await poor.close()
})

it('can be cancelled while it waits for its turn and while it reads', async () => {
  const run = await solve(engine, tiny.file, 'the answer', settings)
  const busy = start(engine, tiny.file, 'another', { ...settings, budget: 4000 })
  await busy.until(({ type }) => type === 'tokens')
  const waiting = new AbortController()
  const first = engine.attribute(run.events, 's1', { signal: waiting.signal })
  waiting.abort()
  await expect(first).rejects.toThrowError(refused('cancelled'))
  await busy.handle.close()
  const reading = new AbortController()
  await expect(
    engine.attribute(run.events, 's1', {
      signal: reading.signal,
      onProgress: () => reading.abort(),
    }),
  ).rejects.toThrowError(refused('cancelled'))
  expect((await engine.attribute(run.events, 's1')).shares.length).toBeGreaterThan(0)
})
