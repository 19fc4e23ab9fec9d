import { freemem, totalmem } from 'node:os'
import type {
  ContextOptions,
  NativeContext,
  NativeModel,
  NativeModelInfo,
} from '../native/index.ts'
import { abortable } from '../native/index.ts'
import { fail } from '../protocol/errors.ts'
import type { KvType, RunSettings } from '../protocol/request.ts'
import type { Size } from './size.ts'
import { yarnFor } from './yarn.ts'

/** The parts of a loaded model that its contexts need. */
export interface KvModel {
  native: NativeModel
  /** Name of the device that holds the model. */
  device: string
  kvBytesPerToken: Record<KvType, number>
}

/**
 * Returns whether the beginning of a sequence can be shared with another one: everywhere but in
 * memories that can only be shared whole.
 */
export const sharesParts = ({ cannotJoin }: Pick<NativeModelInfo, 'cannotJoin'>): boolean =>
  cannotJoin === undefined || cannotJoin === 'server'

export interface ContextRequest {
  model: KvModel
  settings: RunSettings
  signal: AbortSignal
  /**
   * Set for a context that reports attention, uses another batch size, or need not keep what has
   * left a sliding window.
   */
  native?: Pick<ContextOptions, 'attention' | 'batch' | 'swaFull'> | undefined
}

/**
 * Returns what contexts must have in common for runs to share one, as text. Weights are not part of
 * it: a pool belongs to a loaded model.
 */
export function contextKey({
  model,
  settings,
  native,
}: Pick<ContextRequest, 'model' | 'settings' | 'native'>): string {
  const { kvType, flashAttention } = settings.engine
  const { metadata, trainContext } = model.native.info
  return JSON.stringify([
    kvType,
    flashAttention,
    yarnFor(metadata, settings.budget, trainContext) ?? null,
    native?.swaFull !== false,
  ])
}

/** Returns the bytes of KV cells and of the logits that llama.cpp keeps per sequence. */
export function bytesOf({ cells, sequences }: Size, { model, settings }: ContextRequest): number {
  return (
    cells * model.kvBytesPerToken[settings.engine.kvType] +
    sequences * model.native.info.vocabSize * Float32Array.BYTES_PER_ELEMENT
  )
}

/** Errors: `out-of-memory`, `bad-combination`, `cancelled`. */
export async function createContext(
  { cells, sequences }: Size,
  request: ContextRequest,
  paced = true,
): Promise<NativeContext> {
  const { model, settings, signal, native } = request
  const { kvType, flashAttention, threads } = settings.engine
  const { metadata, trainContext } = model.native.info
  checkMemory(cells, request)
  const made = model.native.createContext({
    cells,
    sequences,
    kvType,
    flashAttention,
    threads,
    yarn: yarnFor(metadata, settings.budget, trainContext),
    paced,
    ...native,
  })
  try {
    return await abortable(signal, made)
  } catch (error) {
    if (signal.aborted) made.then((context) => context.free()).catch(() => {})
    throw error
  }
}

/** Checks that an empty machine could hold these cells. Errors: `out-of-memory`. */
export const checkMachine = (cells: number, request: ContextRequest): void =>
  checkMemory(cells, request, totalmem())

/** Checks that memory suffices: llama.cpp allocates regardless, and may be killed for it. */
function checkMemory(cells: number, { model, settings }: ContextRequest, memory = freemem()): void {
  const bytes = cells * model.kvBytesPerToken[settings.engine.kvType]
  if (model.device !== 'cpu' || bytes <= memory) return
  const gb = (n: number) => (n / 1e9).toFixed(1)
  throw fail('out-of-memory/cells', { cells, needed: gb(bytes), free: gb(freemem()) })
}
