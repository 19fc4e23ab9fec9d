/** What a model's files say of it, read without loading them: the page of a model, and the facts a run needs beforehand. */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { KvType } from '../protocol/request.ts'
import type { ModelInfo } from '../protocol/wire.ts'
import { resolveSettings } from '../think/settings.ts'
import { cannotJoin } from './architectures.ts'
import type { Dimensions } from './check.ts'
import { FILE_TYPES } from './gguf-types.ts'
import type { GgufHeader } from './gguf.ts'
import { numberOf, textOf } from './keys.ts'
import { hashHeaders, readModelFiles, type ModelFiles } from './model-files.ts'
import { readControlTokens } from './vocabulary.ts'

/** Bytes of one cached element (ggml-common.h: a block of 32 has an f16 scale). */
const KV_BYTES: Record<KvType, number> = { f32: 4, f16: 2, q8_0: 34 / 32, q4_0: 18 / 32 }

/** Errors: `bad-model` with what is wrong, `model-not-found`, `io`. */
export async function readModelInfo(file: string): Promise<ModelInfo> {
  return modelInfo(await readModelFiles(file))
}

export async function modelInfo(files: ModelFiles): Promise<ModelInfo> {
  const { header, parts, tensors, sizeBytes, dimensions: d } = files
  const template = textOf(header, 'tokenizer.chat_template')
  const control = await readControlTokens(header)
  return {
    file: header.file,
    name: textOf(header, 'general.name') ?? basename(header.file, '.gguf'),
    architecture: d.architecture,
    parameters: tensors.reduce((sum, { elements }) => sum + elements, 0),
    sizeBytes,
    quantisation: quantisation(files),
    trainContext: d.context,
    layers: d.layers,
    heads: Math.max(...d.heads),
    kvHeads: Math.max(...d.kvHeads),
    headDim: d.keyLength,
    vocabSize: d.vocabulary,
    licence: textOf(header, 'general.license'),
    scope: textOf(header, 'parathinker.scope'),
    headerSha256: await hashHeaders(parts),
    templateSha256: template === undefined ? undefined : createHash('sha256').update(template).digest('hex'),
    controlTokens: control.texts,
    nativePaths: control.nativePaths,
    thoughtRows: d.thoughtRows,
    cannotJoin: cannotJoin(header, d.architecture),
    kvBytesPerToken: kvBytesPerToken(header, d),
    defaults: resolveSettings({}, { metadata: scalars(header), nativePaths: control.nativePaths }),
  }
}

/** Metadata without the arrays. */
export function scalars(header: GgufHeader): Record<string, unknown> {
  return Object.fromEntries([...header.metadata].flatMap(([key, { value }]) => (typeof value === 'object' ? [] : [[key, value]])))
}

/** Name of `general.file_type`, else of the type that most bytes have. */
function quantisation({ header, tensors }: ModelFiles): string {
  const named = FILE_TYPES.get(numberOf(header, 'general.file_type') ?? -1)
  if (named) return named
  const bytes = new Map<string, number>()
  for (const tensor of tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes)
  return [...bytes].reduce((a, b) => (b[1] > a[1] ? b : a))[0]
}

/** Keys and values of one token over all layers that have attention; with latent attention (MLA) there are no values. */
export function kvElements(header: GgufHeader, d: Dimensions): number {
  const key = (name: string) => numberOf(header, `${d.architecture}.${name}`)
  const latent = key('attention.key_length_mla') !== undefined
  const interval = key('full_attention_interval') ?? 1
  const width = d.keyLength + (latent ? 0 : d.valueLength)
  return d.kvHeads.reduce((sum, heads, layer) => sum + ((layer + 1) % interval === 0 ? heads * width : 0), 0)
}

function kvBytesPerToken(header: GgufHeader, d: Dimensions): Record<KvType, number> {
  const elements = kvElements(header, d)
  return { f32: elements * KV_BYTES.f32, f16: elements * KV_BYTES.f16, q8_0: elements * KV_BYTES.q8_0, q4_0: elements * KV_BYTES.q4_0 }
}
