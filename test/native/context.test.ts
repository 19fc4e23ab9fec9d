import { writeFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon, type NativeModel } from '../../engine/native/load.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { contextOf, greedy, ids, openTiny, run, start, stream } from './support.ts'

let model: NativeModel
beforeAll(async () => {
  model = await openTiny()
})
afterAll(() => model.close())

const code = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'nothing was thrown'
}
const rejected = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  )

describe('a model', () => {
  it('tokenizes control tokens as one id only where it is asked to', () => {
    const special = model.specialTokens().find((token) => token.text === '<think2>')!
    expect([...model.tokenize('<think2>', { special: true, bos: false })]).toEqual([special.id])
    const plain = [...model.tokenize('<think2>', { special: false, bos: false })]
    expect(plain).not.toContain(special.id)
    expect(Buffer.concat(plain.map((id) => model.tokenBytes(id))).toString()).toBe('<think2>')
  })

  it('tokenizes NUL, a megabyte, and lone surrogates as replacement characters', () => {
    expect(
      Buffer.concat(
        [...model.tokenize('a\0b', { special: false, bos: false })].map((id) =>
          model.tokenBytes(id),
        ),
      ).toString(),
    ).toBe('a\0b')
    expect(
      model.tokenize('x y '.repeat(1 << 18), { special: false, bos: false }).length,
    ).toBeGreaterThan(1 << 18)
    expect(
      Buffer.concat(
        [...model.tokenize('\ud800', { special: false, bos: false })].map((id) =>
          model.tokenBytes(id),
        ),
      ).toString(),
    ).toBe('\ufffd')
  })

  it('is trained for as many positions as before once a context had YaRN', async () => {
    const before = model.info.trainContext
    await (await contextOf(model, { yarn: { factor: 4, originalContext: before } })).free()
    expect(model.info.trainContext).toBe(before)
  })

  it('reports progress and can be cancelled', async () => {
    const addon = loadAddon()
    const file = join(mkdtempSync(join(tmpdir(), 'braid-native-')), 'no-model.gguf')
    expect(await rejected(addon.openModel({ path: file, device: 'cpu', gpuLayers: 0 }).done)).toBe(
      'bad-model',
    )
    writeFileSync(file, 'GGUF')
    expect(await rejected(addon.openModel({ path: file, device: 'cpu', gpuLayers: 0 }).done)).toBe(
      'bad-model',
    )
    expect(
      await rejected(addon.openModel({ path: file, device: 'Vulkan77', gpuLayers: 0 }).done),
    ).toBe('unknown-device')
    // The load is queued behind a prefill that keeps the worker busy, so it is still waiting when it is cancelled.
    const context = await contextOf(model, { cells: 1024 })
    const busy = context.prefill({ seq: 0, tokens: Array(800).fill(5), thought: 0 })
    const load = addon.openModel({ path: file, device: 'cpu', gpuLayers: 0 })
    load.cancel()
    expect(await rejected(load.done)).toBe('cancelled')
    await busy
    await context.free()
  })

  it('opened for its vocabulary only, tells what it knows and makes no context', async () => {
    const file = writeTiny(tinyModel({ shape: 'qwen2' }))
    const vocabulary = await loadAddon().openModel({
      path: file,
      device: 'cpu',
      gpuLayers: 0,
      vocabOnly: true,
    }).done
    expect(vocabulary.info).toMatchObject({ architecture: 'qwen2', layers: 0 })
    expect(vocabulary.tokenize('hi', { special: false, bos: false }).length).toBeGreaterThan(0)
    expect(code(() => void contextOf(vocabulary))).toBe('bad-combination')
    await vocabulary.close()
  })

  it('closed, refuses work', async () => {
    const other = await openTiny()
    await other.close()
    expect(code(() => other.info)).toBe('not-running')
    expect(code(() => void contextOf(other))).toBe('not-running')
  })
})

describe('a context', () => {
  it('allocates the KV bytes of the formula', async () => {
    for (const kvType of ['f32', 'f16'] as const) {
      const context = await contextOf(model, { kvType })
      const { layers, kvHeads, embedding, heads } = model.info
      expect(context.info.kvBytes).toBe(
        context.info.cells *
          2 *
          layers *
          kvHeads *
          (embedding / heads) *
          (kvType === 'f32' ? 4 : 2),
      )
      await context.free()
    }
  })

  it('refuses quantised V without flash attention', () => {
    expect(code(() => void contextOf(model, { kvType: 'q8_0' }))).toBe('bad-combination')
  })

  it('takes back a prefill that does not fit', async () => {
    const context = await contextOf(model, { cells: 256 })
    await context.prefill({ seq: 0, tokens: Array(200).fill(5), thought: 0 })
    expect(
      await rejected(context.prefill({ seq: 0, tokens: Array(200).fill(6), thought: 0 })),
    ).toBe('out-of-cells')
    expect(await context.lastPosition(0)).toBe(199)
    await context.free()
  })

  it('cancels a prefill that waits, and works on', async () => {
    const context = await contextOf(model, { cells: 65536 })
    const long = context.prefill({ seq: 0, tokens: Array(60000).fill(5), thought: 0 })
    context.abort()
    expect(await rejected(long)).toBe('cancelled')
    expect(await context.lastPosition(0)).toBe(-1)
    await context.prefill({ seq: 0, tokens: [1, 2, 3], thought: 0 })
    expect(await context.lastPosition(0)).toBe(2)
    await context.free()
  })

  it('joins all paths, undoes the join, and joins a subset', async () => {
    const context = await contextOf(model)
    await context.prefill({ seq: 0, tokens: [1, 2, 3], thought: 0 })
    for (const seq of [1, 2]) {
      await context.copy(0, seq)
      await context.prefill({
        seq,
        tokens: [10 * seq, 10 * seq + 1, 10 * seq + 2].slice(0, seq + 1),
        thought: seq,
      })
    }
    const summary = async (paths: number[]) => {
      for (const seq of paths) await context.copy(seq, 5)
      expect(await context.lastPosition(5)).toBe(2 + Math.max(...paths) + 1)
      const out = await run(context, [stream({ id: 0, seq: 5, forced: [42], budget: 6 })])
      await context.remove(5)
      return ids(out, 0)
    }
    const all = await summary([1, 2])
    expect(await summary([1, 2])).toEqual(all)
    expect(await summary([1])).not.toEqual(all)
    await context.free()
  })

  it('reports the attention of each token over spans of cells: shares of one', async () => {
    const context = await contextOf(model, { attention: true })
    await context.prefill({ seq: 0, tokens: [1, 2, 3, 4], thought: 0 })
    const { attention } = await context.prefill({
      seq: 0,
      tokens: [5, 6, 7],
      thought: 0,
      spans: [2, 4, 7],
    })
    expect(attention).toHaveLength(9)
    for (let token = 0; token < 3; token++) {
      const [first, second, own] = attention!.subarray(token * 3)
      expect(first! + second! + own!).toBeCloseTo(1, 4)
      expect(Math.min(first!, second!, own!)).toBeGreaterThan(0)
    }
    await context.free()
  })
})

describe('numbers out of range', () => {
  const bad = [NaN, Infinity, -Infinity, 1e308, 2 ** 31, -1, 0.5, '7', null, {}, [], true]

  it('are errors with a code, in every field of a context', async () => {
    for (const field of ['cells', 'sequences', 'threads', 'batch'] as const)
      for (const value of bad) {
        if (field === 'threads' && value === 0) continue
        expect(
          code(() => void contextOf(model, { [field]: value } as never)),
          `${field} = ${String(value)}`,
        ).toBe('out-of-range')
      }
    const context = await contextOf(model)
    for (const value of bad) {
      const why = String(value)
      expect(
        code(() => void context.prefill({ seq: value as never, tokens: [1], thought: 0 })),
        why,
      ).toBe('out-of-range')
      expect(
        code(() => void context.prefill({ seq: 0, tokens: [value as never], thought: 0 })),
        why,
      ).toBe('out-of-range')
      expect(
        code(() => void context.copy(value as never, 1)),
        why,
      ).toBe('out-of-range')
      expect(
        code(() => void context.remove(value as never)),
        why,
      ).toBe('out-of-range')
      expect(
        code(() => void context.lastPosition(value as never)),
        why,
      ).toBe('out-of-range')
      for (const move of [
        () => void context.shift(value as never, 0, 1),
        () => void context.shift(0, value as never, 1),
        () => void context.copyMoved(0, value as never, 0, 0),
        () => void context.copyMoved(0, 1, value as never, 0),
      ])
        expect(code(move), why).toBe('out-of-range')
      if (value !== -1)
        for (const move of [
          () => void context.shift(0, 0, value as never),
          () => void context.copyMoved(0, 1, 0, value as never),
        ])
          expect(code(move), why).toBe('out-of-range')
      expect(
        code(() => model.tokenBytes(value as never)),
        why,
      ).toBe('out-of-range')
    }
    await context.free()
  })

  it('are errors with a code, in every field of a stream and its sampler', async () => {
    const context = await contextOf(model)
    await context.prefill({ seq: 0, tokens: [1, 2], thought: 0 })
    const decode = (change: object) =>
      code(
        () =>
          void context.decode({
            streams: [{ ...stream({ id: 0, seq: 0, budget: 1 }), ...change } as never],
            finish: 0,
            cells: 10,
            logprobs: true,
            alternatives: 0,
            onBatch: () => {},
          }),
      )
    for (const value of [NaN, Infinity, 1e308, 2 ** 32, 0.5, '7', null, {}]) {
      for (const field of ['id', 'seq', 'thought', 'budget', 'endToken', 'group'])
        expect(decode({ [field]: value }), `${field} = ${String(value)}`).toBe('out-of-range')
      for (const field of [
        'temperature',
        'topP',
        'minP',
        'topK',
        'repetitionPenalty',
        'repetitionWindow',
        'seed',
      ]) {
        if (value === 0.5 && ['temperature', 'topP', 'minP', 'repetitionPenalty'].includes(field))
          continue
        expect(
          decode({ sampler: { ...greedy, [field]: value } }),
          `${field} = ${String(value)}`,
        ).toBe('out-of-range')
      }
    }
    for (const field of ['forced', 'masked', 'stops', 'history'])
      for (const list of [[-1], [model.info.vocabSize], [1.5], [NaN], ['1']])
        expect(decode({ [field]: list }), field).toBe('out-of-range')
    expect(decode({ branch: { from: 99, end: 1 } })).toBe('out-of-range')
    expect(decode({ branch: { from: 0, end: 1 } })).toBe('bad-request')
    expect(code(() => void context.decode({ streams: 'x' } as never))).toBe('out-of-range')
    expect(code(() => void context.decode(undefined as never))).toBe('bad-request')
    // A thought without a row is found when the stream begins, and ends only that stream.
    const out = await run(context, [
      stream({ id: 1, thought: 99, branch: { from: 0, end: 2 } }),
      stream({ id: 2, branch: { from: 0, end: 2 }, forced: [3], budget: 3 }),
    ])
    expect(out.ended.get(1)).toMatchObject({ reason: 'failed', error: { code: 'out-of-range' } })
    expect(ids(out, 2)).toHaveLength(3)
    await context.free()
  })

  it('options of another kind are errors with a code', async () => {
    const context = await contextOf(model, { attention: true })
    await context.prefill({ seq: 0, tokens: [1, 2], thought: 0 })
    for (const value of [null, 1, 'x', true]) {
      const why = String(value)
      expect(
        code(() => void contextOf(model, { yarn: value as never })),
        why,
      ).toBe('bad-request')
      expect(
        code(
          () => void context.prefill({ seq: 0, tokens: [1], thought: 0, spans: value as never }),
        ),
        why,
      ).toBe('bad-request')
      for (const field of ['branch', 'sampler', 'parts'])
        expect(
          code(() => start(context, [{ ...stream({ id: 1 }), [field]: value as never }])),
          `${field} = ${why}`,
        ).toBe('bad-request')
    }
    expect(code(() => start(context, [stream({ id: 1, parts: [1 as never] })]))).toBe('bad-request')
    expect(code(() => start(context, [stream({ id: 1, parts: [{ from: 1 }] })]))).toBe(
      'bad-request',
    )
    for (const parts of [
      [{ from: 12 }],
      [{}],
      [{ from: 0, start: -1 }],
      [{ from: 0, start: 2, end: 1 }],
      [{ from: 0, end: 2 ** 31 }],
      [{ tokens: [-1], thought: 0 }],
      [{ tokens: [1] }],
    ])
      expect(code(() => start(context, [stream({ id: 1, parts: parts as never })]))).toBe(
        'out-of-range',
      )
    expect(code(() => start(context, [stream({ id: 1, cells: -1 })]))).toBe('out-of-range')
    const { handle } = start(context, [stream({ id: 0, budget: 2 })])
    expect(code(() => handle.stop(0, 'paused' as never))).toBe('bad-request')
    await handle.done
    const addon = loadAddon()
    for (const work of [
      () => addon.loadBackend('a\0b'),
      () => addon.backendScore('a\0b'),
      () => void addon.quantize('a\0b', 'c', 'q8_0', 1),
      () => void addon.quantize('a', 'b\0c', 'q8_0', 1),
      () => addon.openModel({ path: 'a\0b', device: 'cpu', gpuLayers: 0 }),
    ])
      expect(code(work)).toBe('bad-path')
    expect(code(() => addon.tryDevice('Vulkan77'))).toBe('unknown-device')
    await context.free()
  })

  it('freed, a context refuses work', async () => {
    const context = await contextOf(model)
    await context.free()
    expect(code(() => void context.prefill({ seq: 0, tokens: [1], thought: 0 }))).toBe(
      'not-running',
    )
    expect(code(() => context.info)).toBe('not-running')
    await context.free()
  })
})
