/**
 * Loads model files as the engine host does, one after another, in a process of its own, since a
 * fault of llama.cpp ends the process. See `LoadChild` in load-process.ts.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { loadAddon } from '../../engine/native/load.ts'
import { readModelInfo } from '../../engine/models/info.ts'
import { PROVEN } from '../../engine/models/trial.ts'
import { buildGraphs } from '../../engine/models/trial-graphs.ts'
import { findControlTokens, findThoughtMarks, promptTokenizer } from '../../engine/prompt/index.ts'
import { learnArchitecture } from './architectures.ts'
import type { Answer, Request } from './load-process.ts'

const addon = loadAddon({ gpu: false })

/** Codes with which the engine may refuse a file. */
const REFUSALS = ['bad-model', 'bad-combination', 'out-of-memory', 'out-of-cells']

/** Returns the peak of this process's resident memory since the last call, in bytes. */
function peak(): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss()
  const kb = Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))![1])
  writeFileSync('/proc/self/clear_refs', '5')
  return kb * 1024
}

async function tryFile(file: string): Promise<Answer> {
  peak()
  const before = process.memoryUsage.rss()
  const answer = await load(file).then(
    (tokens): Answer => ({ outcome: 'ran', tokens }),
    (error: unknown): Answer => {
      const { code, message } = error as { code?: string; message: string }
      return { outcome: REFUSALS.includes(code ?? '') ? 'refused' : 'fault', code, message }
    },
  )
  return { ...answer, bytes: Math.max(0, peak() - before) }
}

/** Checks, plans, loads and runs a model for a few tokens. Returns how many it decoded. */
async function load(file: string): Promise<number> {
  const info = await readModelInfo(file)
  const size = { cells: 256, sequences: 2, kvType: 'f16', flashAttention: 'auto' } as const
  if (!PROVEN.has(info.architecture)) {
    process.send!({ outcome: 'trying' } satisfies Answer)
    await buildGraphs(addon, info.file)
    process.send!({ outcome: 'tried' } satisfies Answer)
  }
  const plan = await addon.openPlan({ path: info.file, device: 'cpu', gpuLayers: 0 })
  try {
    await plan.measure(size)
  } finally {
    await plan.close()
  }
  const model = await addon.openModel({ path: info.file, device: 'cpu', gpuLayers: 0 }).done
  try {
    findControlTokens(model)
    findThoughtMarks(model)
    promptTokenizer(model)
    for (let id = 0; id < model.info.vocabSize; id += 97) model.tokenBytes(id)
    const tokens = model.tokenize('Hello <think1>world</s> ▁ \u0000é', { special: true, bos: true })
    if (model.info.hasEncoder) return 0 // the run refuses it
    const context = await model.createContext({ ...size, threads: 1 })
    try {
      await context.prefill({ seq: 0, tokens: [...tokens, 1, 2], thought: -1 })
      let count = 0
      await context.decode({
        streams: [0, 1].map((seq) => ({
          id: seq,
          seq,
          thought: -1,
          forced: [3],
          budget: 4,
          sampler: {
            temperature: 0.6,
            topK: 20,
            topP: 0.95,
            minP: 0,
            repetitionPenalty: 1,
            repetitionWindow: 0,
            seed: 1,
          },
          masked: [],
          stops: [],
          endToken: -1,
          group: 1,
        })),
        finish: 0,
        cells: 200,
        logprobs: true,
        alternatives: 3,
        onBatch: (batch) => {
          for (const one of batch.tokens) count += one.tokens.length
        },
      }).done
      return count
    } finally {
      await context.free()
    }
  } finally {
    await model.close()
  }
}

async function answer(request: Request): Promise<Answer> {
  if ('file' in request) return tryFile(request.file)
  if ('unchecked' in request)
    return addon.openPlan({ path: request.unchecked, device: 'cpu', gpuLayers: 0 }).then(
      async (plan) => {
        await plan.close()
        return { outcome: 'ran' }
      },
      (error: unknown) => ({ outcome: 'refused', message: (error as Error).message }),
    )
  const { variant, scratch, all } = request.learn
  return learnArchitecture(addon, variant, scratch, all).then(
    (model) => ({
      outcome: 'learned',
      tensors: model.tensors.map(({ name, shape }) => [name, shape]),
    }),
    (error: unknown) => ({ outcome: 'fault', message: (error as Error).message }),
  )
}

process.on('message', (request: Request) => {
  void answer(request).then((result) => process.send!(result))
})
process.on('disconnect', () => process.exit())
