/**
 * The native engine's surface: what the addon (engine/native/addon) exports, typed here once.
 *
 * One worker thread does all native work in order of request, so two decodes queue; plans have a thread of their own and
 * never wait for a decode. Every failure is a rejected promise or a thrown error with a `code` of protocol/errors.ts; no
 * number from here can abort.
 *
 * Terms: a *sequence* (0..sequences-1) is a set of KV cells that a token of that sequence attends to.
 * Sequences share cells: `copy` adds the cells of one to another without copying memory.
 * A sequence's *tail* is the logits after its last token; it is kept when a prefill or a stream ends.
 */

export type KvType = 'f32' | 'f16' | 'q8_0' | 'q4_0'
export type FlashAttention = 'on' | 'off' | 'auto'

export interface NativeDevice {
  /** Unique name for `OpenModelOptions.device`: `CPU`, `Vulkan0`, `CUDA0`, ... */
  name: string
  description: string
  type: 'cpu' | 'gpu' | 'igpu' | 'accel'
  /** Backend registry: `CPU`, `Vulkan`, `CUDA`, `Metal`. */
  backend: string
  memoryFree: number
  memoryTotal: number
}

export interface OpenModelOptions {
  path: string
  /** A `NativeDevice.name`; `cpu`: no GPU at all. */
  device: string
  /** Layers on the GPU, -1 for all; 0 with device `cpu`. */
  gpuLayers: number
  /** Read the vocabulary only: tokenizes, makes no context. */
  vocabOnly?: boolean
  /** 0..1, at most every 50 ms. */
  onProgress?: (fraction: number) => void
}

export interface NativeModelInfo {
  architecture: string
  description: string
  parameters: number
  sizeBytes: number
  trainContext: number
  layers: number
  embedding: number
  heads: number
  kvHeads: number
  vocabSize: number
  /** Rows of the thought tables; 0: the model has none. */
  thoughtRows: number
  /** Why sequences cannot be joined: `recurrent`, `hybrid`, `sliding-window`; absent: they can. */
  cannotJoin?: 'recurrent' | 'hybrid' | 'sliding-window'
  hasEncoder: boolean
  addBos: boolean
  bos: number
  eos: number
  chatTemplate?: string
  /** Scalar metadata as text, keyed as in the file; arrays are left out. */
  metadata: Record<string, string>
}

export interface VocabToken {
  id: number
  text: string
  /** Control or user-defined: a text that `tokenize` with `special: true` turns into this one id. */
  special: boolean
  /** Ends a generation (EOS, EOT, ...). */
  endOfGeneration: boolean
}

export interface NativeModel {
  readonly info: NativeModelInfo
  /** `special`: texts of control tokens become their ids; otherwise they are plain text. `bos`: add what the model's flags ask for. */
  tokenize(text: string, options: { special: boolean; bos: boolean }): Int32Array
  /** Text of one token as UTF-8 bytes; control tokens give their text. */
  tokenBytes(id: number): Uint8Array
  /** Every control or user-defined token and every end-of-generation token. */
  specialTokens(): VocabToken[]
  createContext(options: ContextOptions): Promise<NativeContext>
  /** Frees the weights once its contexts are freed. */
  close(): Promise<void>
}

export interface ContextOptions {
  /** KV cells, for all sequences together. */
  cells: number
  /** 1..256. */
  sequences: number
  kvType: KvType
  flashAttention: FlashAttention
  /** 0: physical cores, but no more than four where every layer is on a GPU. */
  threads: number
  /** Tokens of one prefill step; 512 when absent. */
  batch?: number
  /** Lets `prefill` report attention; needs `flashAttention: 'off'`. */
  attention?: boolean
  /** YaRN for budgets beyond the trained one (`parathinker.rope_*`). */
  yarn?: { factor: number; originalContext: number }
}

/** Memory of a context and its model on one device, in bytes. */
export interface NativeMemory {
  /** A `NativeDevice.name`; `CPU`: the system's memory. */
  device: string
  /** Weights. Those that llama.cpp maps from the file count as the whole range that it keeps mapped. */
  weights: number
  /** Part of `weights`: copied into a layout of the CPU's own, beside the file. */
  repacked: number
  kv: number
  /** Buffers of the graph, and on the CPU one row of logits per sequence. */
  compute: number
}

export interface NativeContextInfo {
  cells: number
  threads: number
  flashAttention: boolean
  /** The CPU first. */
  devices: NativeMemory[]
  /** Bytes allocated by kind, over all devices. */
  weightBytes: number
  kvBytes: number
  computeBytes: number
}

export interface SamplerOptions {
  temperature: number
  topK: number
  topP: number
  minP: number
  repetitionPenalty: number
  repetitionWindow: number
  seed: number
}

export interface NativeToken {
  id: number
  text: string
  logprob: number | null
  entropy: number | null
  forced?: boolean
  alternatives?: { id: number; text: string; logprob: number }[]
}

/** One sequence that decodes: a path or a summary. */
export interface StreamOptions {
  /** Chosen by the caller, unique in the decode; reported with every token. */
  id: number
  seq: number
  /** Row of the thought tables; -1: none. */
  thought: number
  /** Tokens given, not sampled, before the first sampled one. */
  forced: ArrayLike<number>
  /** How many of `forced` are decoded without being reported or counted: tokens of `branch.from` after `end`, for the logits after them; its cells are kept. */
  silent?: number
  /** Tokens this stream may report, forced ones included. */
  budget: number
  sampler: SamplerOptions
  /** Never sampled. */
  masked: ArrayLike<number>
  /** Sampling one of these ends the stream. */
  stops: ArrayLike<number>
  /** Reported and decoded in place of the sampled stop token; -1: nothing is. */
  endToken: number
  /** Streams of one group end together, see `finish`. */
  group: number
  /** Start from these cells: `seq` becomes the first `end` positions of `from`. */
  branch?: { from: number; end: number }
  /**
   * Start from these, in order, instead: cells that `seq` shares with `from` (all, or the positions below `end`), and tokens
   * that are prefilled under a row of the thought tables. `seq` is emptied first. Other streams wait for the prefill.
   */
  parts?: ({ from: number; end?: number } | { tokens: ArrayLike<number>; thought: number })[]
  /** Cells kept for this stream alone, on top of `DecodeOptions.cells`: its `parts` and tokens take them first. 0 when absent. */
  cells?: number
  /** The last tokens before `forced`: the repetition penalty sees them, and a character may have begun in them. */
  history?: ArrayLike<number>
}

export type StreamEndReason =
  'finished' | 'budget' | 'stopped' | 'cut' | 'overflow' | 'failed' | 'cancelled'

export interface StreamEnd {
  id: number
  reason: StreamEndReason
  error?: { code: string; message: string }
}

export interface DecodeOptions {
  streams: StreamOptions[]
  /** A group is cut when this many of its streams ended; 0: when all have. */
  finish: number
  /** KV cells this decode may add; when they run short the longest stream ends with `overflow`. */
  cells: number
  logprobs: boolean
  /** Top-k alternatives a token, 0..20. */
  alternatives: number
  /** About every 30 ms: tokens by stream in order, and streams that ended. */
  onBatch: (batch: { tokens: { id: number; tokens: NativeToken[] }[]; ended: StreamEnd[] }) => void
}

export interface DecodeResult {
  steps: number
  /** Milliseconds inside the loop, and until the first token of each stream was chosen. */
  ms: number
  firstTokenMs: number
}

/**
 * A decode under way. Its commands take effect between two steps, in order; each returns false when the
 * decode is over and nothing will happen. Tokens reach `onBatch` only once their cells are in the cache.
 */
export interface NativeDecode {
  readonly done: Promise<DecodeResult>
  /** `reason` is reported in the stream's end. */
  stop(id: number, reason: 'stopped' | 'cut'): boolean
  /** Adds to the budget of a stream that still decodes. */
  extend(id: number, tokens: number): boolean
  /** A new stream joins the running batch; an ended stream's id and sequence may come back to think on. `finish` sees it as a new member of its group. */
  add(stream: StreamOptions): boolean
  /** Removes a sequence's cells at once; ends the stream that decodes in it with `stopped`. */
  remove(seq: number): boolean
  /** Ends every stream with `cancelled`; resolves `done` when the step in progress was aborted or ended. */
  cancel(): void
}

export interface PrefillOptions {
  seq: number
  tokens: ArrayLike<number>
  /** Row of the thought tables; -1: none. */
  thought: number
  logprobs?: boolean
  alternatives?: number
  /** Ends of spans of KV cells, ascending, in the order the context's cells were filled (a fresh context fills them in order of prefill). */
  spans?: number[]
  onProgress?: (done: number) => void
}

export interface NativeContext {
  readonly info: NativeContextInfo
  /** Adds tokens to a sequence, all or (on failure) none. With `logprobs`: each token as `decode` would report it, forced. */
  prefill(options: PrefillOptions): Promise<{
    tokens?: NativeToken[]
    /** With `spans`: the share of attention each token pays to each span, mean over layers and heads, [tokens][spans] row by row. */
    attention?: Float32Array
    ms: number
  }>
  /** `to` also sees the cells of `from` at positions below `end` (absent: all). Tail logits follow when all are taken. */
  copy(from: number, to: number, end?: number): Promise<void>
  /** Removes positions `from` and above of a sequence (absent: all of it). Cells shared with others stay theirs. */
  remove(seq: number, from?: number): Promise<void>
  /** Last position of a sequence, -1 when empty. */
  lastPosition(seq: number): Promise<number>
  decode(options: DecodeOptions): NativeDecode
  /** Aborts a prefill in progress or queued. */
  abort(): void
  free(): Promise<void>
}

export interface OpenPlanOptions {
  path: string
  /** As in `OpenModelOptions`. */
  device: string
  gpuLayers: number
}

/** The part of `ContextOptions` that memory depends on; at most 2^20 cells, since llama.cpp keeps about 50 bytes per cell of its own even without allocating. */
export type PlanOptions = Pick<
  ContextOptions,
  'cells' | 'sequences' | 'kvType' | 'flashAttention' | 'batch' | 'yarn'
>

/** A model opened without its weights: says what contexts of it would take, and allocates none. */
export interface NativePlan {
  /** Names of the weights that would stay where the file is mapped, in the file's own layout. */
  readonly mapped: string[]
  /** The most cells of this type that the GPU can hold, whose buffers are limited in size; 2^28: nothing limits them. */
  mostCells(kvType: KvType): number
  /**
   * What such a context would take, weights included (of mapped ones only their own bytes), as llama.cpp computes it
   * (`llama_get_memory_breakdown`). `cells`: as llama.cpp rounds them. `logitRowBytes`: one row of logits.
   * Errors: `out-of-memory`, also beyond `mostCells`; `bad-combination`.
   */
  measure(
    options: PlanOptions,
  ): Promise<{ cells: number; logitRowBytes: number; devices: NativeMemory[] }>
  close(): Promise<void>
}

/** What an opened model load returns: cancel by `cancel`. */
export interface NativeLoad {
  readonly done: Promise<NativeModel>
  cancel(): void
}

export interface NativeAddon {
  /** Ends all work for good, and waits for it: to be called when the process ends. */
  leave(): void
  version(): { llama: string; ggml: string }
  /** Loads a ggml backend library; false where it cannot be loaded on this machine. */
  loadBackend(path: string): boolean
  /**
   * How well a backend's library suits this processor, by its own `ggml_backend_score`: the highest is the best variant.
   * 0: it cannot run here; 1 where the library has no score.
   */
  backendScore(path: string): number
  devices(): NativeDevice[]
  /**
   * Computes a little on a device; false: it failed, or the result is wrong. ggml aborts the process where the driver cannot
   * run the backend's kernels (ggml-backend, ggml_abort): to be called in a process of its own. Errors: `unknown-device`.
   */
  tryDevice(name: string): boolean
  openModel(options: OpenModelOptions): NativeLoad
  /** Takes 0.3 to 0.6 s with a large vocabulary. Errors: those of `openModel`; `bad-combination`. */
  openPlan(options: OpenPlanOptions): Promise<NativePlan>
  /** Rewrites a GGUF in another type; thought tables stay F32. */
  quantize(input: string, output: string, type: string, threads: number): Promise<void>
}
