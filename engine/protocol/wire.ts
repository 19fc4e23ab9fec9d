import { z } from 'zod'
import { Alternative, RunCommand, RunError, RunEvent } from './events.ts'
import { KvType, RunRequest, RunSettings } from './request.ts'

/**
 * Requests of a client (window, browser tab) to the engine host, and what the host pushes.
 * One table: the host validates with it, clients derive their types from it.
 */

/** Two carriers: a MessagePort (desktop) and a WebSocket (browser mode). Messages are structured-clone and JSON safe. */
export interface Channel {
  send(message: unknown): void
  onMessage(listener: (message: unknown) => void): void
  /** Called once when the other end is gone. */
  onClose(listener: () => void): void
  close(): void
}

/** Names the transcript's file: safe in every file system. */
export const RunId = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/)
const file = z.string().min(1).max(4096)

export const DeviceInfo = z.object({
  name: z.string(), description: z.string(), backend: z.string(),
  type: z.enum(['cpu', 'gpu', 'igpu', 'accel']),
  memoryFree: z.number(), memoryTotal: z.number(),
})
export type DeviceInfo = z.infer<typeof DeviceInfo>

/** What a GGUF says of itself, read without loading it. */
export const ModelInfo = z.object({
  file, name: z.string(),
  architecture: z.string(),
  parameters: z.number(),
  sizeBytes: z.number(),
  quantisation: z.string(),
  trainContext: z.int(),
  layers: z.int(),
  heads: z.int(),
  kvHeads: z.int(),
  headDim: z.int(),
  vocabSize: z.int(),
  licence: z.string().optional(),
  scope: z.string().optional(),
  headerSha256: z.string(),
  templateSha256: z.string().optional(),
  /** Texts of the control tokens found, in order of the pairs. */
  controlTokens: z.array(z.string()),
  nativePaths: z.int(),
  thoughtRows: z.int(),
  cannotJoin: z.enum(['recurrent', 'hybrid', 'sliding-window']).optional(),
  /** KV bytes of one token by cache type. */
  kvBytesPerToken: z.record(KvType, z.number()),
  /** The run settings this model starts from: its own keys over Braid's defaults. */
  defaults: RunSettings,
})
export type ModelInfo = z.infer<typeof ModelInfo>

/** Memory a run needs, and whether the machine has it. Bytes. */
export const Fit = z.object({
  weights: z.number(), kv: z.number(), compute: z.number(), total: z.number(),
  free: z.number(),
  verdict: z.enum(['fits', 'may-be-slow', 'wont-fit']),
  /** The memory that is short, and by how much. */
  short: z.object({ device: z.string(), bytes: z.number() }).optional(),
  cells: z.int(),
})
export type Fit = z.infer<typeof Fit>

export const ModelEntry = z.object({
  file, name: z.string(), sizeBytes: z.number(),
  bundled: z.boolean(),
  /** false: the file is no longer there. */
  present: z.boolean(),
})
export type ModelEntry = z.infer<typeof ModelEntry>

/**
 * Where the attention of a summary went: [summary tokens][prompt, each of `paths` in order, the summary itself], the share that
 * a token pays to those cells, mean over layers and heads. A row sums to 1.
 */
export const Attribution = z.object({
  version: z.int().min(1),
  /** Cells that belong to no path: the prompt, and the words around re-read paths. */
  promptTokens: z.int(),
  /** `tokens`: cells counted for a path. What a branch shares with a path before it is counted there. */
  paths: z.array(z.object({ path: z.int().min(1), tokens: z.int() })),
  shares: z.array(z.array(z.number())),
})
export type Attribution = z.infer<typeof Attribution>

/** The task of the `progress` pushes while an attribution is computed. */
export const attributionTask = (run: string, version: number): string => `attribution/${run}/${version}`

export const RunStatus = z.enum(['queued', 'running', 'ended', 'failed', 'interrupted', 'damaged'])
export type RunStatus = z.infer<typeof RunStatus>

/** One line of the history. */
export const RunSummary = z.object({
  run: z.string(),
  title: z.string(),
  problem: z.string(),
  model: z.string(),
  strategy: z.string(),
  paths: z.int(),
  answer: z.string().nullable(),
  status: RunStatus,
  /** ISO 8601. */
  time: z.string(),
  durationMs: z.number(),
  tokens: z.int(),
  starred: z.boolean(),
  tags: z.array(z.string()),
  /** Why it cannot be read, for `damaged`. */
  damage: z.string().optional(),
})
export type RunSummary = z.infer<typeof RunSummary>

const none = z.object({})
const method = <P extends z.ZodType, R extends z.ZodType>(params: P, result: R) => ({ params, result })

export const METHODS = {
  'app.info': method(none, z.object({ version: z.string(), llama: z.string(), dataFolder: z.string(), bundledModel: z.string().nullable() })),
  'devices.list': method(none, z.array(DeviceInfo)),
  'models.list': method(none, z.array(ModelEntry)),
  'models.add': method(z.object({ file }), ModelEntry),
  'models.remove': method(z.object({ file }), none),
  'models.info': method(z.object({ file }), ModelInfo),
  'models.fit': method(z.object({ file, settings: RunRequest.shape.settings, promptTokens: z.int().min(0).optional() }), Fit),
  'run.start': method(z.object({ request: RunRequest }), z.object({ run: z.string() })),
  'run.command': method(z.object({ run: RunId, command: RunCommand }), none),
  /** Subscribes: the events so far come as pushes, then the live ones; `run.close` ends that. */
  /**
   * `live: false`: no engine works on the run, so one without an end is interrupted (`foldRun` option `live`).
   * The channel ends with the engine process: connect again and open again, from an empty state.
   */
  'run.open': method(z.object({ run: RunId }), z.object({ events: z.int(), live: z.boolean() })),
  'run.close': method(z.object({ run: RunId }), none),
  'run.alternatives': method(z.object({ run: RunId, path: z.int().min(0), version: z.int().min(1).optional(), index: z.int().min(0), count: z.int().min(1).max(1024) }), z.array(z.array(Alternative).nullable())),
  'runs.list': method(none, z.array(RunSummary)),
  'runs.search': method(z.object({ query: z.string().max(1024) }), z.array(z.object({ run: z.string(), snippet: z.string() }))),
  'runs.update': method(z.object({ run: RunId, title: z.string().max(500).optional(), starred: z.boolean().optional(), tags: z.array(z.string().max(64)).max(32).optional() }), RunSummary),
  'runs.delete': method(z.object({ run: RunId }), none),
  /** Undoes a delete of this session. */
  /**
   * Reads the tokens of a run again, with flash attention off, and tells what the summary attended to. Takes its turn between
   * runs; `progress` is pushed to the asking client. Errors: `bad-request`, `model-not-found`, `wrong-model`, `out-of-memory`, `cancelled`.
   */
  'run.attribution': method(z.object({ run: RunId, version: z.int().min(1) }), Attribution),
  /** Ends this client's request for it, which fails with `cancelled`. */
  'run.attribution.cancel': method(z.object({ run: RunId, version: z.int().min(1) }), none),
  'runs.restore': method(z.object({ run: RunId }), RunSummary),
  'runs.import': method(z.object({ name: z.string().max(255), content: z.string() }), RunSummary),
  'runs.export': method(z.object({ runs: z.array(RunId).min(1).max(64), format: z.enum(['md', 'json', 'html']) }), z.object({ fileName: z.string(), mimeType: z.string(), content: z.string() })),
  /** After the supervisor gave up restarting the engine process, which answers this one itself. */
  'engine.restart': method(none, none),
  'settings.get': method(none, z.record(z.string(), z.unknown())),
  'settings.set': method(z.record(z.string().max(64), z.unknown()), none),
} as const
export type Method = keyof typeof METHODS
export type Params<M extends Method> = z.input<(typeof METHODS)[M]['params']>
export type Result<M extends Method> = z.output<(typeof METHODS)[M]['result']>

export const Request = z.object({ id: z.int().min(0), method: z.string().max(64), params: z.unknown() })

/** What the host sends. */
export const HostMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('result'), id: z.int(), result: z.unknown() }),
  z.object({ kind: z.literal('error'), id: z.int(), error: RunError }),
  /** Events of a subscribed run, in order, none missing; `more`: the backlog goes on. */
  z.object({ kind: z.literal('events'), run: z.string(), events: z.array(RunEvent), more: z.boolean() }),
  /** The list of runs or models changed. */
  z.object({ kind: z.literal('changed'), what: z.enum(['runs', 'models', 'devices']) }),
  /** A model is loading: 0..1. */
  z.object({ kind: z.literal('progress'), task: z.string(), label: z.string(), fraction: z.number() }),
  /** The engine process died or is back (sent by the supervisor). */
  z.object({ kind: z.literal('engine'), state: z.enum(['up', 'restarting', 'stopped']), message: z.string() }),
])
export type HostMessage = z.infer<typeof HostMessage>
