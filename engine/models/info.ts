/**
 * Describes a model from its files without loading it: for the page of a model, and for the facts
 * that a run needs beforehand.
 */
import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import type { ModelInfo } from '../protocol/wire.ts'
import { closingMarkersIn, variablesIn } from '../prompt/index.ts'
import { resolveSettings } from '../protocol/settings.ts'
import { cannotJoin } from './architectures.ts'
import { FILE_TYPES } from './gguf-types.ts'
import type { GgufHeader } from './gguf.ts'
import { numberOf, textOf } from './keys.ts'
import { kvBytesPerToken } from './kv.ts'
import { readOnce } from './memo.ts'
import { modelName } from './model-name.ts'
import { hashHeaders, partNames, readModelFiles, type ModelFiles } from './model-files.ts'
import { readControlTokens } from './vocabulary.ts'

/**
 * A model as the rest of the engine needs it: without metadata arrays, so that it is cheap to keep.
 */
export interface KnownModel {
  info: ModelInfo
  /** Metadata without arrays. */
  metadata: Record<string, unknown>
  /** Place of each tensor: number of the file, then offset and size in bytes. */
  tensors: ReadonlyMap<string, { part: number; offset: number; bytes: number }>
}

/** Returns all files of the model that `file` belongs to. */
export const filesOf = (file: string): string[] =>
  partNames(basename(file)).map((name) => join(dirname(file), name))

/**
 * Reads and checks a model's headers; reads them again only if the files changed. Throws
 * `bad-model` with the fault, `model-not-found` or `io`.
 */
export const readModel: (file: string) => Promise<KnownModel> = readOnce(async (file) => {
  const files = await readModelFiles(file)
  return {
    info: await modelInfo(files),
    metadata: scalars(files.header),
    tensors: new Map(
      files.parts.flatMap(({ tensors, dataOffset }, part) =>
        tensors.map(
          ({ name, offset, bytes }) =>
            [name, { part, offset: dataOffset + offset, bytes }] as const,
        ),
      ),
    ),
  }
}, filesOf)

/** Describes a model. Throws `bad-model` with the fault, `model-not-found` or `io`. */
export async function readModelInfo(file: string): Promise<ModelInfo> {
  return (await readModel(file)).info
}

async function modelInfo(files: ModelFiles): Promise<ModelInfo> {
  const { header, parts, tensors, sizeBytes, dimensions: d } = files
  const template = textOf(header, 'tokenizer.chat_template')
  const control = await readControlTokens(header)
  return {
    file: header.file,
    name: modelName(header.file, textOf(header, 'general.name')),
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
    templateSha256:
      template === undefined ? undefined : createHash('sha256').update(template).digest('hex'),
    templateVariables: template === undefined ? undefined : variablesIn(template),
    controlTokens: control.texts,
    nativePaths: control.nativePaths,
    forks: control.forks,
    thoughtRows: d.thoughtRows,
    thinks: control.closesThought || closingMarkersIn(template ?? '').length > 0,
    cannotJoin: cannotJoin(header, d.architecture),
    kvBytesPerToken: kvBytesPerToken(header, d),
    defaults: resolveSettings({}, { ...control, metadata: scalars(header) }),
  }
}

/** Returns the metadata without arrays. */
function scalars(header: GgufHeader): Record<string, unknown> {
  return Object.fromEntries(
    [...header.metadata].flatMap(([key, { value }]) =>
      typeof value === 'object' ? [] : [[key, value]],
    ),
  )
}

/** Returns the name of `general.file_type`, or else of the tensor type with the most bytes. */
function quantisation({ header, tensors }: ModelFiles): string {
  const named = FILE_TYPES.get(numberOf(header, 'general.file_type') ?? -1)
  if (named) return named
  const bytes = new Map<string, number>()
  for (const tensor of tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes)
  return [...bytes].reduce((a, b) => (b[1] > a[1] ? b : a))[0]
}
