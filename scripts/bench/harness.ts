/** What every benchmark needs: an open model, contexts of the same layout, an engine, tables. */
import {
  loadAddon,
  type ContextOptions,
  type NativeContext,
  type NativeModel,
  type SamplerOptions,
  type StreamOptions,
} from '../../engine/native/index.ts'
import { errorText, type RunEvent } from '../../engine/protocol/events.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { Engine, type RunHandle } from '../../engine/run/index.ts'

export const GREEDY: SamplerOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  repetitionWindow: 0,
  seed: 1,
}
/** Braid's default sampler (temperature 0.5, top-p 1). */
export const DEFAULT_SAMPLER: SamplerOptions = { ...GREEDY, temperature: 0.5 }

export interface BenchModel {
  name: string
  file: string
}

export interface Settings {
  rounds: number
  threads: number
  device: string
}

export async function openModel(file: string, settings: Settings): Promise<NativeModel> {
  return loadAddon({ gpu: settings.device !== 'cpu' }).openModel({
    path: file,
    device: settings.device,
    gpuLayers: settings.device === 'cpu' ? 0 : -1,
  }).done
}

export function makeContext(
  model: NativeModel,
  settings: Settings,
  options: Partial<ContextOptions> & { cells: number; sequences: number },
): Promise<NativeContext> {
  return model.createContext({
    kvType: 'f16',
    flashAttention: 'on',
    threads: settings.threads,
    ...options,
  })
}

/** `jobs`: how many runs the engine's context is made for. */
export const openEngine = (settings: Settings, jobs: number): Engine =>
  new Engine({ addon: loadAddon({ gpu: settings.device !== 'cpu' }), version: 'bench', jobs })

/** Returns the settings with which a run has a context like those of `makeContext`. */
export const engineSettings = ({
  device,
  threads,
}: Settings): RunRequest['settings']['engine'] => ({
  device,
  threads,
  kvType: 'f16',
  flashAttention: 'on',
})

/** Reads a run's events up to the next one that is wanted. Throws if the run fails. */
export async function nextEvent(
  { events }: RunHandle,
  wanted: (event: RunEvent) => boolean,
): Promise<RunEvent> {
  for (;;) {
    const { value: event } = await events.next()
    if (event === undefined) throw new Error('the run was closed')
    if (event.type === 'run-failed') throw new Error(errorText(event.error))
    if (wanted(event)) return event
  }
}

/** Returns `count` reproducible, varying token ids without control tokens. */
export function tokens(model: NativeModel, count: number, seed: number): number[] {
  const special = new Set(model.specialTokens().map((token) => token.id))
  const ids: number[] = []
  for (let x = seed * 2654435761 + 1; ids.length < count;) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    const id = x % model.info.vocabSize
    if (!special.has(id)) ids.push(id)
  }
  return ids
}

/** Returns a stream that writes `budget` tokens in a sequence, whatever they are. */
export const endless = (
  seq: number,
  budget: number,
  options: Partial<StreamOptions> = {},
): StreamOptions => ({
  id: seq,
  seq,
  thought: 0,
  forced: [],
  budget,
  sampler: GREEDY,
  masked: [],
  stops: [],
  endToken: -1,
  group: 1,
  ...options,
})

export interface DecodeTask {
  paths: number
  steps: number
  sampler: SamplerOptions
  logprobs: boolean
  alternatives: number
}

/**
 * Returns the milliseconds of one decode step: `paths` sequences over one shared prompt in sequence 0, each decoding `steps`
 * tokens without stopping. The paths' cells are removed afterwards.
 */
export async function decodeStepMs(context: NativeContext, task: DecodeTask): Promise<number> {
  const streams: StreamOptions[] = []
  for (let seq = 1; seq <= task.paths; seq++) {
    await context.copy(0, seq)
    streams.push(endless(seq, task.steps, { sampler: { ...task.sampler, seed: seq } }))
  }
  const { logprobs, alternatives } = task
  const result = await context.decode({
    streams,
    finish: 0,
    cells: task.paths * task.steps,
    logprobs,
    alternatives,
    onBatch: () => {},
  }).done
  for (let seq = 1; seq <= task.paths; seq++) await context.remove(seq)
  if (result.steps !== task.steps)
    throw new Error(`the decode took ${result.steps} steps, not ${task.steps}`)
  return result.ms / result.steps
}

export function printTable(title: string, head: string[], rows: (string | number)[][]): void {
  const cell = (value: string | number) =>
    typeof value === 'number'
      ? Math.abs(value) >= 100
        ? value.toFixed(0)
        : value.toFixed(3)
      : value
  console.log(`\n### ${title}\n`)
  console.log(`| ${head.join(' | ')} |`)
  console.log(`|${head.map(() => '---|').join('')}`)
  for (const row of rows) console.log(`| ${row.map(cell).join(' | ')} |`)
}
