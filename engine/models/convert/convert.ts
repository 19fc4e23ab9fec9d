/**
 * Converts the Hugging Face folder of a Qwen2, Qwen3 or Llama model to GGUF (docs/method.md, "The
 * GGUF contract"). Weights are streamed. The target appears only when it is complete, and an
 * interrupted conversion resumes where it stopped.
 */
import { existsSync } from 'node:fs'
import { rename, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { regularHandle } from '../../files/index.ts'
import { fail } from '../../protocol/errors.ts'
import type { ConvertType } from '../../protocol/models.ts'
import type { Notice } from '../../protocol/wording.ts'
import { readModelFiles } from '../model-files.ts'
import { refuseAdapterTensors } from './adapter.ts'
import { readConfig } from './config.ts'
import { claim, fileError, nameOf, readText, syncFolder, TEXT_LIMITS } from './files.ts'
import { encodeHeader, padded } from './gguf-writer.ts'
import { modelMetadata, templateNotice } from './metadata.ts'
import { DIRECT_TYPES, type DirectType } from './numbers.ts'
import { BITS, quantise, QUANTISED_TYPES, type QuantisedType } from './quantise.ts'
import { sourceType, type SourceTensor } from './safetensors.ts'
import { readSourceTensors } from './source-tensors.ts'
import { writeTensors } from './stream.ts'
import { planTensors, type PlannedTensor } from './tensors.ts'
import { tieEmbeddings } from './tied.ts'
import { readTokenizer } from './tokenizer.ts'
import { checkSpace, fingerprint, lockFile, removeWork, sizeOf, workFiles } from './work.ts'

export { discardConversion } from './work.ts'

/**
 * f32, f16, bf16 and q8_0 are written directly; the other types are made by llama.cpp's quantiser
 * from weights in their original type.
 */
export { CONVERT_TYPES, type ConvertType } from '../../protocol/models.ts'
/** Values of `general.file_type` (llama.h, LLAMA_FTYPE_*); the quantiser writes its own. */
const FILE_TYPES: Readonly<Record<DirectType, number>> = { f32: 0, f16: 1, q8_0: 7, bf16: 32 }

export interface ConvertProgress {
  phase: 'convert' | 'quantise' | 'check'
  /** Progress of the whole conversion, 0..1. */
  fraction: number
  /** Name of the tensor being written. */
  label: string
}

export interface ConvertOptions {
  folder: string
  output: string
  type: ConvertType
  /** Whether to replace an existing file. */
  overwrite?: boolean
  /** Threads of the quantiser; 0 means one per core. */
  threads?: number
  signal?: AbortSignal
  onProgress?: (progress: ConvertProgress) => void
}

export interface ConvertResult {
  file: string
  sizeBytes: number
  architecture: string
  tokenizer: string
  thoughtRows: number
  tensors: number
  /** What the user should know about the result. */
  notices: Notice[]
}

/**
 * Converts a folder. Throws `wrong-model` (an architecture, tokenizer or weight type that cannot be
 * converted, or an adapter), `bad-model` (a damaged folder), `model-not-found`, `bad-path` (the target),
 * `disk-full`, `cancelled` or `io`. After `cancelled` and `disk-full` the unfinished work stays
 * beside the target: the same call resumes it, and `discardConversion` removes it.
 */
export async function convert(options: ConvertOptions): Promise<ConvertResult> {
  const folder = resolve(options.folder)
  const output = resolve(options.output)
  await checkTarget(output)
  const lock = claim(output, lockFile(output))
  try {
    // Check under the lock: another conversion may have just made the file.
    if (!options.overwrite && existsSync(output)) throw fail('bad-path/exists', { file: output })
    return await convertFolder({ ...options, folder, output })
  } catch (error) {
    throw fileError(error, output)
  } finally {
    lock.release()
  }
}

async function convertFolder(options: ConvertOptions): Promise<ConvertResult> {
  const { folder, output, signal } = options
  const config = await readConfig(folder)
  const tokenizer = await readTokenizer(folder, config)
  const { files, tensors: found, notice: unused } = await readSourceTensors(folder)
  refuseAdapterTensors(found.keys())
  const { tied, tensors: sources, notice: untied } = await tieEmbeddings(folder, config, found)
  const quantised = QUANTISED_TYPES.find((type) => type === options.type)
  const direct = quantised ? commonType(sources) : (options.type as DirectType)
  const planned = planTensors({ ...config, tied }, sources, direct)
  const names = { name: nameOf(folder), licence: await licenceOf(folder) }
  const header = encodeHeader(
    modelMetadata(config, tokenizer, names, FILE_TYPES[direct]),
    planned.map((tensor) => ({ ...tensor, type: DIRECT_TYPES[tensor.type].id })),
  )
  const work = workFiles(output)
  const total = planned.reduce((sum, { bytes }) => sum + padded(bytes), header.length)
  const final = quantised ? quantisedBytes(planned, quantised) + header.length : 0
  await checkSpace(output, Math.max(0, total - (await sizeOf(work.converted))) + final)

  // The quantiser reads the converted file again, which takes about as long as writing it.
  const share = quantised ? 0.5 : 0.98
  const print = fingerprint(header, files)
  await writeTensors({
    folder,
    file: work.converted,
    journal: work.journal,
    header,
    fingerprint: print,
    tensors: planned,
    signal,
    onProgress: (done, label) =>
      options.onProgress?.({ phase: 'convert', fraction: (share * done) / total, label }),
  })
  await unchanged(folder, files)
  let made = work.converted
  if (quantised) {
    await quantise({
      input: work.converted,
      output: work.quantised,
      type: quantised,
      threads: options.threads ?? 0,
      expected: final,
      signal,
      onProgress: (done) =>
        options.onProgress?.({
          phase: 'quantise',
          fraction: share + (0.98 - share) * (done / final),
          label: quantised,
        }),
    })
    made = work.quantised
    await sync(made)
  }
  options.onProgress?.({ phase: 'check', fraction: 0.98, label: '' })
  const { sizeBytes, dimensions, tensors } = await readModelFiles(made)
  if (signal?.aborted) throw fail('cancelled/convert')
  await rename(made, output)
  await syncFolder(dirname(output))
  await removeWork(output)
  options.onProgress?.({ phase: 'check', fraction: 1, label: '' })
  return {
    file: output,
    sizeBytes,
    architecture: config.architecture,
    tokenizer: tokenizer.pre,
    thoughtRows: dimensions.thoughtRows,
    tensors: tensors.length,
    notices: [unused, untied, templateNotice(config, tokenizer), ...tokenizer.notices].filter(
      (notice) => notice !== undefined,
    ),
  }
}

async function checkTarget(output: string): Promise<void> {
  if (!output.toLowerCase().endsWith('.gguf')) throw fail('bad-path/gguf-name')
  if (/-\d{5}-of-\d{5}\.gguf$/i.test(output)) throw fail('bad-path/part-name')
  const there = await stat(output).catch(() => undefined)
  if (there?.isDirectory()) throw fail('bad-path/is-folder', { file: output })
  const parent = await stat(dirname(output)).catch(() => undefined)
  if (!parent?.isDirectory()) throw fail('bad-path/parent', { folder: dirname(output) })
}

/**
 * Returns the type that weights have before they are quantised. It is their original type, so that
 * no precision is lost.
 */
function commonType(sources: ReadonlyMap<string, SourceTensor>): DirectType {
  const types = new Set(
    [...sources.values()]
      .filter(({ shape }) => shape.length > 1)
      .map((tensor) => sourceType(tensor)),
  )
  return types.size === 1 ? [...types][0]! : 'f32'
}

function quantisedBytes(planned: readonly PlannedTensor[], type: QuantisedType): number {
  return planned.reduce((sum, { elements, type: direct, bytes, name }) => {
    // The quantiser keeps the output layer at a higher precision.
    const bits = /^(output|token_embd)\.weight$/.test(name) ? Math.max(6.6, BITS[type]) : BITS[type]
    return sum + (direct === 'f32' && elements < 2 ** 20 ? bytes : Math.ceil((elements * bits) / 8))
  }, 0)
}

/** Ensures no source file has changed since its header was read. Throws `bad-model`. */
async function unchanged(
  folder: string,
  files: Awaited<ReturnType<typeof readSourceTensors>>['files'],
): Promise<void> {
  for (const { file, bytes, mtimeMs } of files) {
    const now = await stat(resolve(folder, file))
    if (now.size !== bytes || now.mtimeMs !== mtimeMs) {
      throw fail('bad-model/changed', { file })
    }
  }
}

/** Returns the licence from the front matter of the model card, if there is one. */
async function licenceOf(folder: string): Promise<string | undefined> {
  const card = await readText(folder, 'README.md', TEXT_LIMITS.card).catch(() => undefined)
  const lines = (card ?? '').slice(0, 65_536).split(/\r?\n/)
  const end = lines.indexOf('---', 1)
  if (lines[0] !== '---' || end < 0) return undefined
  return lines
    .slice(1, end)
    .map((line) => /^license:\s*["']?([\w.+-]{1,64})["']?\s*$/.exec(line)?.[1])
    .find((name) => name !== undefined)
}

async function sync(file: string): Promise<void> {
  const handle = await regularHandle(file, 'r+')
  await handle.sync().finally(() => handle.close())
}
