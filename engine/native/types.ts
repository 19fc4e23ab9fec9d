/**
 * The types of the native engine: everything that the addon (engine/native/addon) exports.
 *
 * One thread computes. Contexts take turns on it, step by step; each step decodes one token of every
 * live stream of every decode of its context. What else is asked of a context happens between two
 * steps. Prefills go in chunks: one prefill at a time, in order of request, and beside streams with
 * as many tokens as take less than 250 ms on a CPU, but at least 8 (see `paced`). An operation waits for earlier
 * ones on the same sequence only. A second thread loads models, makes contexts and quantises, a third one plans; they
 * never wait for a decode. Every failure is a rejected promise or a thrown error with a `code` of
 * protocol/errors.ts; no argument can crash the process.
 *
 * A *sequence* (0..sequences-1) is a set of KV cells that the tokens of that sequence attend to.
 * Sequences can share cells: `copy` adds the cells of one to another without copying memory. A
 * sequence's *tail* is the logits after its last token; it is kept when a prefill or a stream ends.
 */

export type KvType = 'f32' | 'f16' | 'q8_0' | 'q4_0'
export type FlashAttention = 'on' | 'off' | 'auto'

export interface NativeDevice {
  /** Unique name, for `OpenModelOptions.device`: `CPU`, `Vulkan0`, `CUDA0`, ... */
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
  /** A `NativeDevice.name`, or `cpu` to use no GPU. */
  device: string
  /** Layers on the GPU, -1 for all; 0 with device `cpu`. */
  gpuLayers: number
  /** Devices of workers (`addWorker`), which take the layers before `device` does. */
  workers?: string[]
  /** Reads only the vocabulary: the model can tokenize but not create contexts. */
  vocabOnly?: boolean
  /** False: the CPU uses the weights in the file's layout. Default true. */
  repack?: boolean
  /** Reports progress, 0..1, at most every 50 ms. */
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
  /** Rows of the thought tables; 0 if the model has none. */
  thoughtRows: number
  /**
   * The kind of memory that prevents joining sequences; absent if they can be joined. `server`: the
   * model is not here (engine/remote); parts of its sequences can be shared, as they are lists of ids.
   */
  cannotJoin?: 'recurrent' | 'hybrid' | 'm-rope' | 'indexer' | 'server'
  /** Some layers attend within a window of positions. */
  slidingWindow: boolean
  hasEncoder: boolean
  addBos: boolean
  bos: number
  eos: number
  chatTemplate?: string
  /** Scalar metadata as text, keyed as in the file; arrays are omitted. */
  metadata: Record<string, string>
}

export interface VocabToken {
  id: number
  text: string
  /**
   * A control or user-defined token: `tokenize` with `special: true` turns its text into this id.
   */
  special: boolean
  /** The token ends a generation (EOS, EOT, ...). */
  endOfGeneration: boolean
}

export interface NativeModel {
  readonly info: NativeModelInfo
  /**
   * `special`: texts of control tokens become their ids instead of plain text. `bos`: adds BOS if
   * the model's flags ask for it.
   */
  tokenize(text: string, options: { special: boolean; bos: boolean }): Int32Array
  /** Returns the text of a token as UTF-8 bytes, also for control tokens. */
  tokenBytes(id: number): Uint8Array
  /** Returns all control, user-defined and end-of-generation tokens. */
  specialTokens(): VocabToken[]
  /**
   * Returns the grammar (GBNF) of a JSON schema, which must be one that `readSchema` of
   * protocol/schema.ts wrote: another one may take very long. Errors: `bad-request`.
   */
  schemaGrammar(schema: string): Promise<string>
  createContext(options: ContextOptions): Promise<NativeContext>
  /** Frees the weights once the model's contexts are freed. */
  close(): Promise<void>
}

export interface ContextOptions {
  /** KV cells for all sequences together. */
  cells: number
  /** 1..254; the context has two more, which it uses to copy cells. */
  sequences: number
  kvType: KvType
  flashAttention: FlashAttention
  /** 0: the physical cores, less one if there are more than two; at most four if every layer is on a GPU. */
  threads: number
  /** Tokens per prefill step; default 512. */
  batch?: number
  /** Lets `prefill` report attention; needs `flashAttention: 'off'`. */
  attention?: boolean
  /**
   * Gives sliding-window layers as many cells as the others, so that their cells stay and can be
   * joined, branched from and moved; default true. Otherwise `copy` refuses a part of a sequence.
   */
  swaFull?: boolean
  /**
   * False: nobody watches the streams, so prefills go in whole batches beside them, too. The streams wait longer, and all of
   * the work is done sooner. Default true.
   */
  paced?: boolean
  /** YaRN parameters for budgets beyond the trained one (`parathinker.rope_*`). */
  yarn?: { factor: number; originalContext: number }
}

/** Memory of a context and its model on a device, in bytes. */
export interface NativeMemory {
  /** A `NativeDevice.name`; `CPU` is the system's memory. */
  device: string
  /** Weights. Mapped weights count as the whole range of the file that llama.cpp keeps mapped. */
  weights: number
  /** The part of `weights` that is copied into a CPU-specific layout, beside the mapped file. */
  repacked: number
  kv: number
  /** Buffers of the compute graph and, on the CPU, one row of logits per sequence. */
  compute: number
}

export interface NativeContextInfo {
  cells: number
  threads: number
  flashAttention: boolean
  /**
   * Whether cells can be moved and copied to other positions: llama.cpp says so, and a test when the
   * context was created gave the right keys.
   */
  canShift: boolean
  /**
   * Moving cells has failed halfway. Every prefill, decode, copy and move then fails with
   * `decode-failed`; free the context.
   */
  lost: boolean
  /** The CPU first. */
  devices: NativeMemory[]
  /** Allocated bytes by kind, over all devices. */
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
  /** -1: a server reported the text only. */
  id: number
  text: string
  logprob: number | null
  entropy: number | null
  forced?: boolean
  /** Minus the mean log-probability of the 20 likeliest tokens, if it was asked for. */
  confidence?: number
  alternatives?: { id: number; text: string; logprob: number }[]
  /**
   * With `logprobs`, the token of a merged group has its log-probability in each stream, in the order in
   * which they were added; null if it is not finite.
   */
  members?: (number | null)[]
}

/** Cells of another sequence; see `StreamOptions.parts`. */
export interface NativeCells {
  from: number
  start?: number
  end?: number
  place?: 'shared' | 'move' | 'copy'
}

/**
 * What a stream may write as its answer. Log-probabilities stay those of the model. Tokens that end
 * the stream may come once the answer is complete. A forced token that does not fit, or a grammar in
 * which no token does, ends the stream with `decode-failed`.
 */
export interface StreamGrammar {
  /** GBNF, as `schemaGrammar` returns it; its start is `root`. */
  text: string
  /** The JSON schema that it is made from: servers make their own grammar of it. */
  schema: string
  /** How many of `forced` come before the answer. Default 0. */
  from?: number
  /** Tokens of the answer, and of the thought before it, that the stream continues. */
  written?: ArrayLike<number>
  /**
   * For a model that may think first, so that the grammar applies behind the thought: the tokens with
   * which a thought can begin, the texts that end it, and whether the prompt has begun it.
   */
  thought?: { opens: ArrayLike<number>; closes: string[]; begun: boolean }
}

/** A sequence to decode: a path or a summary. */
export interface StreamOptions {
  /** Chosen by the caller, unique in the decode; reported with every token. */
  id: number
  seq: number
  /** Row of the thought tables; -1: none. */
  thought: number
  /** Tokens that come before the first sampled one. */
  forced: ArrayLike<number>
  /**
   * How many of `forced` are decoded but neither reported nor counted, only to get the logits after
   * them. They must be the tokens of `branch.from` after `end`; the stream then keeps the cells of
   * `branch.from` for them.
   */
  silent?: number
  /** The most tokens that this stream may report, forced ones included. */
  budget: number
  sampler: SamplerOptions
  /** Tokens that are never sampled. */
  masked: ArrayLike<number>
  /** Sampling one of these ends the stream. */
  stops: ArrayLike<number>
  /** Sampling one of these ends the stream, too: the token is reported and decoded first. */
  ends?: ArrayLike<number>
  /**
   * Sampling one of these pauses the stream: the token is reported and decoded, and the stream stays
   * as it is until `resume`.
   */
  pauses?: ArrayLike<number>
  /** Token that is reported and decoded in place of the sampled stop token; -1: none. */
  endToken: number
  /** Streams of a group end together; see `finish`. */
  group: number
  /** Starts from these cells: `seq` becomes the first `end` positions of `from`. */
  branch?: { from: number; end: number }
  /**
   * Alternative to `branch`: `seq` is emptied, then filled with these parts in order. A part is
   * tokens that are prefilled under a row of the thought tables, or cells of `from`: all, or the
   * positions from `start` to below `end`.
   *
   * `place` says where the cells are for `seq`:
   * - `shared` (default): at their own positions.
   * - `move`: behind the parts before. They are moved, in `from` too, then shared. `from` may occur
   *   once. Refused with `internal`: cells that another sequence holds, a `from` that decodes, a
   *   quantised KV type, and positions that other cells of `from` have (those of its prompt, if the
   *   parts before are shorter).
   * - `copy`: behind the parts before. `seq` gets its own cells; `from` is not changed.
   *
   * Moves and copies are made before anything is decoded. If the stream cannot begin, `seq` is
   * emptied and moved cells are moved back. Errors: `out-of-cells`, `cannot-join` without
   * `canShift`, `decode-failed` if the context is lost.
   */
  parts?: (NativeCells | { tokens: ArrayLike<number>; thought: number })[]
  /**
   * Cells reserved for this stream, in addition to `DecodeOptions.cells`; its parts and tokens use
   * them first. Default 0.
   */
  cells?: number
  /** The last tokens before `forced`, for the repetition penalty and for split characters. */
  history?: ArrayLike<number>
  /** Default: the stream may write anything. */
  grammar?: StreamGrammar
}

export type StreamEndReason =
  'finished' | 'budget' | 'stopped' | 'cut' | 'overflow' | 'failed' | 'cancelled'

export interface StreamEnd {
  id: number
  reason: StreamEndReason
  error?: { code: string; message: string }
}

/** The rule of a group of streams. */
export interface GroupRule {
  /** The group is cut once this many of its streams have finished; 0: never. */
  finish: number
  logprobs: boolean
  /** Top-k alternatives per token, 0..20. */
  alternatives: number
  /** Each token has its confidence; it needs `logprobs`. Default false. */
  confidence?: boolean
  /** False: a stream's tokens are reported all at once when it pauses or ends. Default true. */
  report?: boolean
  /**
   * This many streams decode one text: each token is chosen from the mean of their
   * log-probabilities and decoded by each. Sampler, masks, budget, stops, pauses and forced tokens
   * are those of the stream that was added first, and tokens and pauses are reported under its id;
   * silent tokens are each stream's own. Nothing is decoded before all of them are there, and all of
   * them end together. Default 0: each stream decodes its own text.
   */
  merge?: number
}

/** Fields that are absent are those of `DecodeOptions`. */
export interface GroupOptions extends Partial<GroupRule> {
  id: number
}

export interface DecodeBatch {
  /** By stream, in order. */
  tokens: { id: number; tokens: NativeToken[] }[]
  ended: StreamEnd[]
  paused: number[]
  /** How many of the tokens of their parts streams have read that do not decode yet. */
  reading?: { id: number; done: number; tokens: number }[]
  /**
   * The number of threads, when other programs began to use the processors of some: with `yields`,
   * of those that are left.
   */
  crowded?: number
}

/** `GroupRule`: of groups that `groups` does not name. */
export interface DecodeOptions extends GroupRule {
  streams: StreamOptions[]
  groups?: GroupOptions[]
  /**
   * KV cells that this decode may add. If they run out, its longest stream ends with `overflow`.
   */
  cells: number
  /** Called about every 30 ms with what happened since the last call. */
  onBatch: (batch: DecodeBatch) => void
}

export interface DecodeResult {
  /** Steps in which one of its streams took part. */
  steps: number
  /** Milliseconds from its start to its end. */
  ms: number
  /** Milliseconds until the first token of each stream was chosen. */
  firstTokenMs: number
}

/**
 * A running decode. Commands take effect between two steps, in order; each returns false, without
 * effect, if the decode is over. Tokens reach `onBatch` only once their cells are in the cache.
 */
export interface NativeDecode {
  readonly done: Promise<DecodeResult>
  /** Ends a stream; `reason` is reported in its end. */
  stop(id: number, reason: 'stopped' | 'cut'): boolean
  /**
   * Adds to the budget of a stream that still decodes, and to its reserved cells (default: 0).
   */
  extend(id: number, tokens: number, cells?: number): boolean
  /**
   * Adds a stream. The id and the sequence of an ended stream may be used again, to continue it.
   * For `finish`, the stream is a new member of its group.
   */
  add(stream: StreamOptions): boolean
  /** Removes a sequence's cells, and ends the stream that decodes in it with `stopped`. */
  remove(seq: number): boolean
  /** Continues a paused stream: first with these tokens, then with sampled ones. */
  resume(id: number, forced: ArrayLike<number>): boolean
  /** Sets the rule of a group, for streams that decode and those that are added later. */
  setGroup(group: GroupOptions): boolean
  /** Ends every stream with `cancelled`; `done` resolves once the current step is over. */
  cancel(): void
}

export interface PrefillOptions {
  seq: number
  tokens: ArrayLike<number>
  /** Row of the thought tables; -1: none. */
  thought: number
  logprobs?: boolean
  alternatives?: number
  /**
   * Ascending ends of spans of KV cells, in the order in which they were filled (in a new context:
   * the order of prefills).
   */
  spans?: number[]
  onProgress?: (done: number) => void
}

export interface PrefillResult {
  /** With `logprobs`: each token as `decode` reports forced ones. */
  tokens?: NativeToken[]
  /**
   * With `spans`: each token's attention to each span, averaged over layers and heads;
   * [tokens][spans], row-major.
   */
  attention?: Float32Array
  /** Milliseconds of its own chunks. */
  ms: number
}

/** A prefill; `cancel` ends it with `cancelled`. */
export interface NativePrefill extends Promise<PrefillResult> {
  cancel(): void
}

/**
 * The cells of a sequence in which a stream decodes cannot be changed: `prefill`, `copy` and
 * `copyMoved` to it, `shift` and `remove` are refused with `bad-request`.
 */
export interface NativeContext {
  readonly info: NativeContextInfo
  /** Adds tokens to a sequence: all or, on failure, none. */
  prefill(options: PrefillOptions): NativePrefill
  /**
   * Lets `to` also see the cells of `from` at positions below `end` (default: all). An empty `to`
   * that gets all also gets the tail.
   */
  copy(from: number, to: number, end?: number): Promise<void>
  /**
   * Removes positions `from` and above of a sequence (default: all). Other sequences keep cells
   * that they share.
   */
  remove(seq: number, from?: number): Promise<void>
  /**
   * Removes all cells, so that what follows is computed as in a new context. Refused with
   * `bad-request` while a stream decodes.
   */
  clear(): Promise<void>
  /** Returns the last position of a sequence, -1 if it is empty. */
  lastPosition(seq: number): Promise<number>
  /**
   * Moves positions `start` and above of a sequence by `delta`, without computing them again.
   * Refused with `internal`: cells that another sequence holds, a quantised KV type, positions that
   * others of `seq` have. Errors: `cannot-join` without `canShift`, `decode-failed` if the context
   * is lost.
   */
  shift(seq: number, start: number, delta: number): Promise<void>
  /**
   * Appends to `to` a copy of the cells of `from` at positions `start` and above, moved by `delta`,
   * and the tail. `from` is not changed. Refused with `internal`: a copy that would not follow the
   * last position of `to`, if there is one. Errors: `out-of-cells`, and those of `shift`.
   */
  copyMoved(from: number, to: number, start: number, delta: number): Promise<void>
  /**
   * Sets the number of threads, as in `ContextOptions`. `yields`: gives threads up while other
   * programs use their processors, which may change results by rounding.
   */
  setThreads(threads: number, yields: boolean): Promise<void>
  /** Starts a decode, which shares the steps of those that run on this context. */
  decode(options: DecodeOptions): NativeDecode
  /** Aborts all running and queued operations. */
  abort(): void
  free(): Promise<void>
}

export interface OpenPlanOptions {
  path: string
  /** As in `OpenModelOptions`. */
  device: string
  gpuLayers: number
}

/**
 * The part of `ContextOptions` that memory depends on. At most 2^20 cells, since llama.cpp uses
 * about 50 bytes per cell even without allocating.
 */
export type PlanOptions = Pick<
  ContextOptions,
  'cells' | 'sequences' | 'kvType' | 'flashAttention' | 'batch' | 'yarn' | 'swaFull'
>

/** A model opened without its weights, to report how much memory its contexts would take. */
export interface NativePlan {
  /**
   * Names of the weights that would be used directly from the mapped file, in the file's layout.
   */
  readonly mapped: string[]
  /** Returns the most cells of this type that the GPU's largest buffer holds; 2^28: no limit. */
  mostCells(kvType: KvType): number
  /**
   * Returns how much memory a context would take, as llama.cpp computes it
   * (`llama_get_memory_breakdown`), weights included; mapped weights count only their own bytes.
   * `cells`: as rounded by llama.cpp. `logitRowBytes`: bytes of a row of logits. `canShift`: as in
   * `NativeContextInfo`, without the test. Errors: `out-of-memory`, also beyond `mostCells`; `bad-combination`.
   */
  measure(options: PlanOptions): Promise<{
    cells: number
    logitRowBytes: number
    canShift: boolean
    devices: NativeMemory[]
  }>
  close(): Promise<void>
}

/** A model that is being loaded; `cancel` stops loading. */
export interface NativeLoad {
  readonly done: Promise<NativeModel>
  cancel(): void
}

export interface NativeAddon {
  /** Ends all work for good and waits for it. Call it when the process ends. */
  leave(): void
  version(): { llama: string; ggml: string }
  /** Loads a ggml backend library; returns false if it cannot be loaded on this machine. */
  loadBackend(path: string): boolean
  /**
   * Returns how well a backend's library suits this processor (its `ggml_backend_score`; higher is
   * better). 0: it cannot run here. 1: the library has no score.
   */
  backendScore(path: string): number
  devices(): NativeDevice[]
  /**
   * Tests a device with a small computation; returns false if it fails or its result is wrong. ggml
   * aborts the process if the driver cannot run the backend's kernels (ggml_abort), so call this in
   * a separate process. Errors: `unknown-device`.
   */
  tryDevice(name: string): boolean
  /**
   * Connects to a worker's RPC server and returns the names of its devices, for `workers` of
   * `OpenModelOptions`: NAME, or NAME/1, NAME/2, ... if it has several. The RPC backend must be loaded.
   * `endpoint`: PATH:0, of a Unix socket; on Windows, ADDRESS:PORT. ggml aborts the process if the
   * connection ends while it is used. Errors: `native-missing`, `unknown-device`.
   */
  addWorker(name: string, endpoint: string): Promise<string[]>
  /** Lets the connection to a worker end once no model uses it. */
  releaseWorker(name: string): Promise<void>
  openModel(options: OpenModelOptions): NativeLoad
  /**
   * Opens a plan, which takes 0.3 to 0.6 s with a large vocabulary. Errors: those of `openModel`,
   * `bad-combination`.
   */
  openPlan(options: OpenPlanOptions): Promise<NativePlan>
  /** Rewrites a GGUF file in another type; thought tables stay F32. */
  quantize(input: string, output: string, type: string, threads: number): Promise<void>
}
