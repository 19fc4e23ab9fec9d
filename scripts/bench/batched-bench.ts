/** llama.cpp's own benchmark, built from the same source. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { builtLibraries, loadAddon } from '../../engine/native/index.ts'
import type { BenchModel, Settings } from './harness.ts'

export interface BatchedBench {
  cells: number
  /** Tokens per prompt. */
  prompt: number
  /** All sequences have one prompt, which is read once. */
  sharedPrompt: boolean
  /** Tokens per sequence. */
  steps: number
  /** Numbers of sequences, one for each row of the result. */
  widths: readonly number[]
}

/** `t_tg`: seconds of all steps. `t`: with those for the prompts. */
export interface BatchedBenchRow {
  pl: number
  tg: number
  t_tg: number
  t: number
}

/** Returns what makes llama-batched-bench use the same device: its GPU backend is loaded by path, like ours. */
function deviceOf(device: string): { args: string[]; env: Record<string, string> } {
  if (device === 'cpu') return { args: ['-ngl', '0'], env: {} }
  const backend = loadAddon()
    .devices()
    .find(({ name }) => name === device)
    ?.backend.toLowerCase()
  const library = builtLibraries().find((built) => built.backend === backend)
  if (!library) throw new Error(`no built backend offers the device ${device}`)
  return { args: ['-ngl', '99', '-dev', device], env: { GGML_BACKEND_PATH: library.file } }
}

/** Starts llama-batched-bench once. Threads, unified cache, flash attention and device are as in our contexts. */
export async function batchedBench(
  program: string,
  model: BenchModel,
  settings: Settings,
  { cells, prompt, sharedPrompt, steps, widths }: BatchedBench,
): Promise<BatchedBenchRow[]> {
  const { args: device, env } = deviceOf(settings.device)
  const threads = String(settings.threads)
  const args = [
    ...['-m', model.file],
    ...['-c', String(cells), '-b', '512', '-ub', '512'],
    ...['-npp', String(prompt), '-ntg', String(steps), '-npl', widths.join(',')],
    ...(sharedPrompt ? ['-pps'] : []),
    ...['-kvu', '-fa', 'on', '-t', threads, '-tb', threads],
    ...device,
    ...['--output-format', 'jsonl'],
  ]
  const { stdout } = await promisify(execFile)(program, args, {
    maxBuffer: 1 << 26,
    env: { ...process.env, ...env },
  })
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as BatchedBenchRow)
}
