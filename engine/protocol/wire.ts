import { z } from 'zod'
import { Alternative, CommandResult, RunCommand, RunError, RunEvent, SegmentId } from './events.ts'
import {
  CatalogueItem,
  ConvertType,
  DeviceInfo,
  DeviceState,
  file,
  Fit,
  FoundModel,
  Hardware,
  LoadedModel,
  ModelEntry,
  Offer,
  Refused,
  Task,
} from './models.ts'
import { SharedPreferences } from './preferences.ts'
import { KvType, RunRequest, RunSettings } from './request.ts'

export * from './models.ts'

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
/** What a GGUF says of itself, read without loading it. */
export const ModelInfo = z.object({
  file,
  name: z.string(),
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
  /** Of the headers of its files: it tells models of other shapes, names or vocabularies apart, not checkpoints of the same one. */
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

/** How far a run is: `fraction` of its token budgets, 0..1. */
export const RunProgress = RunSummary.pick({
  run: true,
  title: true,
  status: true,
  answer: true,
}).extend({ fraction: z.number() })
export type RunProgress = z.infer<typeof RunProgress>

/**
 * Where the attention of a summary went: [summary tokens][prompt, each of `paths` in order, the summary itself], the share that
 * a token pays to those cells, mean over layers and heads. A row sums to 1.
 */
export const Attribution = z.object({
  segment: SegmentId,
  /** Cells that belong to no path: the prompt, and the words around re-read paths. */
  promptTokens: z.int(),
  /** `tokens`: cells counted for a path. What a branch shares with a path before it is counted there. */
  paths: z.array(z.object({ segment: SegmentId, tokens: z.int() })),
  shares: z.array(z.array(z.number())),
})
export type Attribution = z.infer<typeof Attribution>

/** The task of the `progress` pushes while an attribution is computed. */
export const attributionTask = (run: string, segment: SegmentId): string =>
  `attribution/${run}/${segment}`

/** Bytes of the largest file that is imported. */
export const MAX_IMPORT = 256 << 20

const none = z.object({})
const method = <P extends z.ZodType, R extends z.ZodType>(params: P, result: R) => ({
  params,
  result,
})

export const METHODS = {
  'app.info': method(
    none,
    z.object({
      version: z.string(),
      llama: z.string(),
      dataFolder: z.string(),
      bundledModel: z.string().nullable(),
    }),
  ),
  'devices.list': method(none, z.array(DeviceInfo)),
  'models.list': method(none, z.array(ModelEntry)),
  /** Links a GGUF in place. */
  'models.add': method(z.object({ file }), ModelEntry),
  'models.addFolder': method(
    z.object({ folder: file }),
    z.object({ added: z.array(ModelEntry), refused: z.array(Refused) }),
  ),
  /** Looks through the folders of LM Studio, Ollama, Jan, llama.cpp and the cache of Hugging Face; links nothing. */
  'models.find': method(none, z.array(FoundModel)),
  'models.addFound': method(
    z.object({ models: z.array(z.object({ file, name: z.string().max(1024) })).max(1000) }),
    z.object({ added: z.array(ModelEntry), refused: z.array(Refused) }),
  ),
  /** Where a model's file was moved to. */
  'models.relink': method(z.object({ file, to: file }), ModelEntry),
  /** `deleteFiles` deletes what Braid downloaded itself; the file of a link stays always. */
  'models.remove': method(
    z.object({ file, deleteFiles: z.boolean().optional() }),
    z.object({ deleted: z.array(z.string()) }),
  ),
  'models.setDevice': method(
    z.object({ file, device: z.string().min(1).max(256).nullable() }),
    none,
  ),
  'models.info': method(z.object({ file }), ModelInfo),
  'models.fit': method(
    z.object({
      file,
      settings: RunRequest.shape.settings,
      promptTokens: z.int().min(0).optional(),
    }),
    Fit,
  ),
  /** The most of one setting that still fits, the others as they are; 0: none. */
  'models.most': method(
    z.object({
      file,
      settings: RunRequest.shape.settings,
      promptTokens: z.int().min(0).optional(),
      of: z.enum(['paths', 'budget', 'gpuLayers']),
    }),
    z.object({ value: z.int() }),
  ),
  'models.catalogue': method(none, z.array(CatalogueItem)),
  /** Asks the hub (or looks at an address) what can be downloaded there. `ref`: a name of the catalogue, `org/name`, `org/name:Q4_K_M` or an address. */
  'models.offer': method(z.object({ ref: z.string().min(1).max(4096) }), Offer),
  /** Starts a download; a folder is converted to `type` when it is here. */
  'models.get': method(
    z.object({
      ref: z.string().min(1).max(4096),
      choice: z.string().max(1024).optional(),
      type: ConvertType.optional(),
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/)
        .optional(),
    }),
    Task,
  ),
  /** `output` absent: Braid's own folder of models. */
  'models.convert': method(
    z.object({ folder: file, type: ConvertType, output: file.optional() }),
    Task,
  ),
  'tasks.list': method(none, z.array(Task)),
  /** `pause` keeps what is there; `cancel` removes what is not complete; `clear` takes one that is over off the list. */
  'tasks.command': method(
    z.object({ task: z.string().max(64), command: z.enum(['pause', 'resume', 'cancel', 'clear']) }),
    none,
  ),
  /** Token for gated repositories, kept in memory only; null forgets it. */
  'hub.token': method(z.object({ token: z.string().min(1).max(512).nullable() }), none),
  'devices.state': method(none, DeviceState),
  /** Fetches the library of a GPU backend; it is used from the next start of the engine on. */
  'devices.fetch': method(z.object({ backend: z.string().max(64) }), Task),
  /** Models in memory; `hardware` and `memory` pushes tell what changes. */
  'engine.loaded': method(none, z.array(LoadedModel)),
  'engine.unload': method(z.object({ file }), none),
  'run.start': method(z.object({ request: RunRequest }), z.object({ run: z.string() })),
  'run.command': method(z.object({ run: RunId, command: RunCommand }), CommandResult),
  /** Subscribes: the events so far come as pushes, then the live ones; `run.close` ends that. */
  /**
   * `live: false`: no engine works on the run, so one without an end is interrupted (`foldRun` option `live`).
   * The channel ends with the engine process: connect again and open again, from an empty state.
   */
  'run.open': method(z.object({ run: RunId }), z.object({ events: z.int(), live: z.boolean() })),
  'run.close': method(z.object({ run: RunId }), none),
  'run.alternatives': method(
    z.object({
      run: RunId,
      segment: SegmentId,
      index: z.int().min(0),
      count: z.int().min(1).max(1024),
    }),
    z.array(z.array(Alternative).nullable()),
  ),
  /**
   * Reads the tokens of a run again, with flash attention off, and tells what the summary attended to. Takes its turn between
   * runs; `progress` is pushed to the asking client. Errors: `bad-request`, `model-not-found`, `wrong-model`, `out-of-memory`, `cancelled`.
   */
  'run.attribution': method(z.object({ run: RunId, segment: SegmentId }), Attribution),
  /** Ends this client's request for it, which fails with `cancelled`. */
  'run.attribution.cancel': method(z.object({ run: RunId, segment: SegmentId }), none),
  'runs.list': method(none, z.array(RunSummary)),
  /** Subscribes to `activity` pushes, which tell of runs without their tokens; ends with the channel. */
  'runs.watch': method(none, none),
  'runs.search': method(
    z.object({ query: z.string().max(1024) }),
    z.array(z.object({ run: z.string(), snippet: z.string() })),
  ),
  'runs.update': method(
    z.object({
      run: RunId,
      title: z.string().max(500).optional(),
      starred: z.boolean().optional(),
      tags: z.array(z.string().max(64)).max(32).optional(),
    }),
    RunSummary,
  ),
  'runs.delete': method(z.object({ run: RunId }), none),
  /** Undoes a delete of this session. */
  'runs.restore': method(z.object({ run: RunId }), RunSummary),
  /** A file may hold several runs. */
  'runs.import': method(
    z.object({ name: z.string().max(255), content: z.string() }),
    z.array(RunSummary),
  ),
  'runs.export': method(
    z.object({ runs: z.array(RunId).min(1).max(64), format: z.enum(['md', 'json', 'html']) }),
    z.object({ fileName: z.string(), mimeType: z.string(), content: z.string() }),
  ),
  /** After the supervisor gave up restarting the engine process, which answers this one itself. */
  'engine.restart': method(none, none),
  /** Those that are stored; the others have their defaults (preferences.ts). */
  'settings.get': method(none, SharedPreferences),
  'settings.set': method(SharedPreferences, none),
} as const
export type Method = keyof typeof METHODS
export type Params<M extends Method> = z.input<(typeof METHODS)[M]['params']>
export type Result<M extends Method> = z.output<(typeof METHODS)[M]['result']>

export const Request = z.object({
  id: z.int().min(0),
  method: z.string().max(64),
  params: z.unknown(),
})

/** What the host sends. */
export const HostMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('result'), id: z.int(), result: z.unknown() }),
  z.object({ kind: z.literal('error'), id: z.int(), error: RunError }),
  /** What a run that is opened has so far, as the JSON of an array of events: its lines as they stand in the transcript. `start`: the first of a subscription, what came before is void. */
  z.object({ kind: z.literal('backlog'), run: z.string(), events: z.string(), start: z.boolean() }),
  /** Events of a subscribed run behind its backlog, in order, none missing. */
  z.object({ kind: z.literal('events'), run: z.string(), events: z.array(RunEvent) }),
  /** The list of runs or models changed. */
  z.object({ kind: z.literal('changed'), what: z.enum(['runs', 'models', 'devices']) }),
  /**
   * The runs of this engine that think or wait, sent a few times per second while one thinks. One that has ended since the
   * push before is there a last time, with how it ended.
   */
  z.object({ kind: z.literal('activity'), runs: z.array(RunProgress) }),
  z.object({ kind: z.literal('tasks'), tasks: z.array(Task) }),
  z.object({ kind: z.literal('hardware'), hardware: Hardware.nullable() }),
  /** What is in memory; `unloaded`: what has just left it, and why. */
  z.object({
    kind: z.literal('memory'),
    loaded: z.array(LoadedModel),
    unloaded: z.object({ name: z.string(), reason: z.enum(['idle', 'room', 'asked']) }).optional(),
  }),
  /** 0..1 of an attribution (`attributionTask`); any other task: a model is loading. */
  z.object({ kind: z.literal('progress'), task: z.string(), fraction: z.number() }),
  /** The engine process died or is back (sent by the supervisor). */
  z.object({
    kind: z.literal('engine'),
    state: z.enum(['up', 'restarting', 'stopped']),
    message: z.string(),
  }),
])
export type HostMessage = z.infer<typeof HostMessage>

/** The events of a message that brings some. The host checked those of a backlog when it read them. */
export function eventsIn({
  events,
}: Extract<HostMessage, { kind: 'backlog' | 'events' }>): RunEvent[] {
  return typeof events === 'string' ? (JSON.parse(events) as RunEvent[]) : events
}
