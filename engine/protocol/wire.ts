import { z } from 'zod'
import { ApiStatus } from './api.ts'
import { Capabilities } from './capabilities.ts'
import { ForkForm } from './forks.ts'
import { Alternative, CommandResult, RunCommand, RunError, RunEvent, SegmentId } from './events.ts'
import { Experiment, LabCell, LabEstimate, LabFields, LabRun, LabSet, LabSpec } from './lab.ts'
import { Doing } from './doing.ts'
import {
  Added,
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
  Task,
  WorkerState,
} from './models.ts'
import { WorkerAddress } from './workers.ts'
import { Outcome } from './outcome.ts'
import { SharedPreferences } from './preferences.ts'
import { KvType, MAX_PROBLEM_CHARS, QuestionKind, RunRequest, RunSettings } from './request.ts'

export * from './models.ts'
export * from './lab.ts'

/**
 * The requests that a client (a window or browser tab) sends to the engine host, and what the host
 * pushes. The host validates with this table; clients derive their types from it.
 */

/**
 * A MessagePort (desktop) or a WebSocket (browser mode). Messages are safe for both structured
 * clone and JSON.
 */
export interface Channel {
  send(message: unknown): void
  onMessage(listener: (message: unknown) => void): void
  /** Calls the listener once, when the other end is gone. */
  onClose(listener: () => void): void
  close(): void
}

/**
 * Names the transcript's file; safe on every file system, and as a key of an object: it is not a
 * name that every object inherits, such as `constructor`.
 */
export const RunId = z
  .string()
  .regex(/^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/)
  .refine((name) => !(name in Object.prototype), { error: 'is a name that cannot be used' })

/** What a GGUF file says about itself, read without loading the model. */
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
  /**
   * sha256 of the headers of the model's files. It distinguishes models of different shapes, names
   * or vocabularies, but not checkpoints of the same model.
   */
  headerSha256: z.string(),
  templateSha256: z.string().optional(),
  /**
   * The variables that its chat template reads, of those that users may set (`TemplateVariables`);
   * of `reasoning_effort`, the words to choose from.
   */
  templateVariables: z
    .object({
      enable_thinking: z.boolean().optional(),
      reasoning_effort: z.array(z.string()).optional(),
    })
    .optional(),
  /** Texts of the control tokens that were found, in the order of the pairs. */
  controlTokens: z.array(z.string()),
  nativePaths: z.int(),
  /** Whose marks its vocabulary has to fork its own text; absent if no one's. */
  forks: ForkForm.optional(),
  thoughtRows: z.int(),
  /** Its paths may think before they answer: the vocabulary or the template has a closing marker. */
  thinks: z.boolean().optional(),
  cannotJoin: z.enum(['recurrent', 'hybrid', 'm-rope', 'indexer', 'server']).optional(),
  /** What the server can do that has the model; absent for a model in a file. */
  capabilities: Capabilities.optional(),
  /** KV bytes per token, by cache type. */
  kvBytesPerToken: z.record(KvType, z.number()),
  /** The default run settings of this model: its own keys override Braid's defaults. */
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
  /** The value of a run; null where the question has none, or none was found. */
  answer: z.string().nullable(),
  /** The kind of a question that has no single value. */
  question: QuestionKind.exclude(['value']).optional(),
  /** For how many calls how many programs return the same, if programs were compared. */
  consensus: z
    .object({ same: z.int(), programs: z.int(), calls: z.int(), ofCalls: z.int() })
    .optional(),
  status: RunStatus,
  /** For `ended`: how, if the run did not simply give its answer. */
  outcome: Outcome.optional(),
  /** The run that this one follows up on. */
  followUp: z.string().optional(),
  /** The run that is the first version of this turn, if it was made again. */
  versionOf: z.string().optional(),
  /** Name of the client that asked; absent for Braid itself. */
  client: z.string().optional(),
  /** ISO 8601. */
  time: z.string(),
  durationMs: z.number(),
  tokens: z.int(),
  starred: z.boolean(),
  tags: z.array(z.string()),
  /** For `damaged`: why the run cannot be read. */
  damage: z.string().optional(),
})
export type RunSummary = z.infer<typeof RunSummary>

/** What a search found. */
export const Search = z.object({
  /** Runs that contain every word, newest first, with the place of the first word. */
  hits: z.array(z.object({ run: z.string(), snippet: z.string() })),
  /** Runs that were not searched: they took too long, or cannot be read. */
  skipped: z.array(z.object({ run: z.string(), why: z.enum(['slow', 'damaged']) })),
})
export type Search = z.infer<typeof Search>

/** The progress of a run; `doing` is null once it is over. */
export const RunProgress = RunSummary.pick({
  run: true,
  title: true,
  model: true,
  status: true,
  outcome: true,
  answer: true,
}).extend({ doing: Doing.nullable() })
export type RunProgress = z.infer<typeof RunProgress>

/**
 * What a summary attended to. `shares` is [summary tokens][prompt, each of `paths` in order, the
 * summary itself]: the share of a token's attention that goes to those cells, averaged over layers
 * and heads. Each row sums to 1.
 */
export const Attribution = z.object({
  segment: SegmentId,
  /** Cells that belong to no path: the prompt, and the words between re-read paths. */
  promptTokens: z.int(),
  /**
   * `tokens`: cells counted for a path. Cells that a branch shares with an earlier path count for
   * the earlier one.
   */
  paths: z.array(z.object({ segment: SegmentId, tokens: z.int() })),
  shares: z.array(z.array(z.number())),
})
export type Attribution = z.infer<typeof Attribution>

/** Returns the `task` of the `progress` pushes while an attribution is computed. */
export const attributionTask = (run: string, segment: SegmentId): string =>
  `attribution/${run}/${segment}`

/** The largest file that can be imported, in bytes. */
export const MAX_IMPORT = 256 << 20

/** The largest problem set that a window can hand over, in characters. */
export const MAX_SET = 64 << 20
/** Problem sets are the only files besides models that a window can have read by their path. */
const setFile = file.regex(/\.jsonl?["']?\s*$/i, 'is not a .jsonl or .json file')
const experiment = z.string().regex(/^lab-\d{8}-\d{6}-[0-9a-f]{6}$/)
const spec = LabSpec.extend({ data: setFile })

/** A part of the data folder that grows; `trash`: deleted runs, which are kept for 30 days. */
export const DataPart = z.enum(['runs', 'models', 'trash'])
export type DataPart = z.infer<typeof DataPart>

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
  'models.addFolder': method(z.object({ folder: file }), Added),
  /** Searches the folders of LM Studio, Ollama, Jan, llama.cpp and Hugging Face; links nothing. */
  'models.find': method(none, z.array(FoundModel)),
  'models.addFound': method(z.object({ files: z.array(file).max(1000) }), Added),
  /** Sets the new path of a model's file that was moved. */
  'models.relink': method(z.object({ file, to: file }), ModelEntry),
  /**
   * Removes a model from the list. `deleteFiles` also deletes what Braid downloaded, but never a
   * linked file.
   */
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
  /**
   * Returns the largest value of one setting that fits, with the others unchanged; 0 if none does.
   */
  'models.most': method(
    z.object({
      file,
      settings: RunRequest.shape.settings,
      promptTokens: z.int().min(0).optional(),
      of: z.enum(['paths', 'budget', 'gpuLayers']),
    }),
    z.object({ value: z.int() }),
  ),
  /** Returns how many tokens each text has for a model: exactly up to 200,000 characters. */
  'models.count': method(
    z.object({ file, texts: z.array(z.string().max(MAX_PROBLEM_CHARS)).max(64) }),
    z.object({ tokens: z.array(z.int()) }),
  ),
  'models.catalogue': method(none, z.array(CatalogueItem)),
  /**
   * Returns what can be downloaded. `ref` is a name of the catalogue, `org/name`, `org/name:Q4_K_M`
   * or a URL.
   */
  'models.offer': method(z.object({ ref: z.string().min(1).max(4096) }), Offer),
  /** Searches the hub by name for repositories with GGUF files, those that are downloaded most first. */
  'models.search': method(
    z.object({ query: z.string().trim().min(1).max(200) }),
    z.array(z.object({ repo: z.string(), downloads: z.number(), gated: z.boolean() })),
  ),
  /** Starts a download; a folder is then converted to `type`. */
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
  /**
   * Converts a folder to GGUF, in Braid's own models folder: a window writes nowhere else
   * (docs/security.md). `braid convert` writes to any file.
   */
  'models.convert': method(z.object({ folder: file, type: ConvertType }), Task),
  'tasks.list': method(none, z.array(Task)),
  /** `pause` keeps partial files; `cancel` deletes them; `clear` removes a finished task. */
  'tasks.command': method(
    z.object({ task: z.string().max(64), command: z.enum(['pause', 'resume', 'cancel', 'clear']) }),
    none,
  ),
  /** Returns the models that a server lists. */
  'servers.models': method(
    z.object({ server: z.string().min(1).max(2048) }),
    z.object({ models: z.array(z.string()) }),
  ),
  /** Connects to a model on a server, to see what it can do, and adds it to the list. */
  'servers.add': method(
    z.object({ server: z.string().min(1).max(2048), name: z.string().min(1).max(1024) }),
    ModelEntry,
  ),
  /**
   * Sets the key of a server, which is kept in memory only; null removes it. Returns the server's
   * address as Braid spells it.
   */
  'servers.key': method(
    z.object({ server: z.string().min(1).max(2048), key: z.string().min(1).max(1024).nullable() }),
    z.object({ server: z.string() }),
  ),
  /** Asks the workers that this machine is paired with what they have. */
  'workers.list': method(none, z.array(WorkerState)),
  /** Checks the pairing code of a worker and keeps it. */
  'workers.pair': method(
    z.object({ worker: WorkerAddress, code: z.string().min(1).max(256) }),
    WorkerState,
  ),
  /** Forgets a worker and its code. */
  'workers.forget': method(z.object({ worker: WorkerAddress }), none),
  /** Sets the token for gated repositories, which is kept in memory only; null removes it. */
  'hub.token': method(z.object({ token: z.string().min(1).max(512).nullable() }), none),
  'devices.state': method(none, DeviceState),
  /** Downloads the library of a GPU backend; it is used once the engine restarts. */
  'devices.fetch': method(z.object({ backend: z.string().max(64) }), Task),
  /** Returns the models in memory; `memory` pushes report changes. */
  'engine.loaded': method(none, z.array(LoadedModel)),
  'engine.unload': method(z.object({ file }), none),
  'run.start': method(z.object({ request: RunRequest }), z.object({ run: z.string() })),
  'run.command': method(z.object({ run: RunId, command: RunCommand }), CommandResult),
  /**
   * Subscribes to a run: pushes its events so far, then new ones, until `run.close`. `live: false`
   * means that no engine works on the run, so a run without an end is interrupted (`foldRun` option
   * `live`). The channel closes with the engine process; then reconnect and open the run again from
   * an empty state.
   */
  'run.open': method(z.object({ run: RunId }), z.object({ events: z.int(), live: z.boolean() })),
  /**
   * Returns what a run answered: the text of the segment that gave its answer, without its thought, of
   * at most 20,000 characters. `segment`: null if there is none yet. `cut`: there is more.
   */
  'run.answer': method(
    z.object({ run: RunId }),
    z.object({ segment: SegmentId.nullable(), text: z.string(), cut: z.boolean() }),
  ),
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
   * Reads the tokens of a run again, with flash attention off, and returns what the summary
   * attended to. It waits for its turn between runs and pushes `progress` to this client. Errors:
   * `bad-request`, `model-not-found`, `wrong-model`, `out-of-memory`, `cancelled`.
   */
  'run.attribution': method(z.object({ run: RunId, segment: SegmentId }), Attribution),
  /** Cancels this client's request for the attribution, which fails with `cancelled`. */
  'run.attribution.cancel': method(z.object({ run: RunId, segment: SegmentId }), none),
  'runs.list': method(none, z.array(RunSummary)),
  /**
   * Subscribes to `activity` pushes, which report runs without their tokens, until the channel
   * closes.
   */
  'runs.watch': method(none, none),
  /**
   * Searches the texts of all runs. A client's next search cancels the one before, which then fails
   * with `cancelled`.
   */
  'runs.search': method(z.object({ query: z.string().max(1024) }), Search),
  /** Cancels this client's search. */
  'runs.search.cancel': method(none, none),
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
  /** Restores a run that was deleted in this session. */
  'runs.restore': method(z.object({ run: RunId }), RunSummary),
  /** Imports a file, which may hold several runs. */
  'runs.import': method(
    z.object({ name: z.string().max(255), content: z.string().max(MAX_IMPORT) }),
    z.array(RunSummary),
  ),
  'runs.export': method(
    z.object({ runs: z.array(RunId).min(1).max(64), format: z.enum(['md', 'json', 'html']) }),
    z.object({ fileName: z.string(), mimeType: z.string(), content: z.string() }),
  ),
  /** Returns the problem sets to choose from: Braid's own first, then those that were handed over. */
  'lab.sets': method(none, z.array(z.object({ file, name: z.string(), own: z.boolean() }))),
  /** Reads a problem set by its path, or keeps one that is handed over. */
  'lab.inspect': method(
    z.object({
      set: z.union([
        z.object({ file: setFile }),
        z.object({ name: z.string().min(1).max(255), content: z.string().max(MAX_SET) }),
      ]),
      fields: LabFields.optional(),
    }),
    LabSet,
  ),
  /** `measure`: first makes two short runs, if the speed of this model is not known yet. */
  'lab.estimate': method(z.object({ spec, measure: z.boolean().optional() }), LabEstimate),
  /** Starts an experiment, or queues it behind the one at work. */
  'lab.start': method(z.object({ title: z.string().min(1).max(200), spec }), Experiment),
  /** Returns all experiments, newest first; `lab` pushes report how they go on. */
  'lab.list': method(none, z.array(Experiment)),
  /** `cancel` ends an experiment and keeps what was made; `delete` removes it with its runs. */
  'lab.command': method(
    z.object({ experiment, command: z.enum(['pause', 'resume', 'cancel', 'delete']) }),
    none,
  ),
  /** Returns the runs behind a cell, wrong ones first. Each opens as a run. */
  'lab.runs': method(
    z.object({ experiment, unit: LabCell.shape.unit, vote: LabCell.shape.vote }),
    z.array(LabRun),
  ),
  'lab.export': method(
    z.object({ experiment, format: z.enum(['csv', 'json', 'html']) }),
    z.object({ fileName: z.string(), mimeType: z.string(), content: z.string() }),
  ),
  /** Returns whether API clients are served, and what they need (docs/api.md). */
  'api.status': method(none, ApiStatus),
  /** Replaces the key of API clients. */
  'api.newKey': method(none, none),
  /** Returns Braid's own folders that grow, with what their files take. */
  'storage.list': method(
    none,
    z.array(z.object({ what: DataPart, folder: z.string(), bytes: z.number() })),
  ),
  /** Removes the deleted runs for good. Returns how many there were. */
  'storage.emptyTrash': method(none, z.object({ runs: z.int() })),
  /** Restarts an engine process that the supervisor gave up; the supervisor itself answers. */
  'engine.restart': method(none, none),
  /** Returns the stored preferences; the others have their defaults (preferences.ts). */
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

/** Everything that the host sends. */
export const HostMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('result'), id: z.int(), result: z.unknown() }),
  z.object({ kind: z.literal('error'), id: z.int(), error: RunError }),
  /**
   * The events so far of a run that was opened, as a JSON array of the transcript's lines. `start`
   * marks the first backlog of a subscription: discard everything received before it.
   */
  z.object({ kind: z.literal('backlog'), run: z.string(), events: z.string(), start: z.boolean() }),
  /** Events of a subscribed run after its backlog, in order and without gaps. */
  z.object({ kind: z.literal('events'), run: z.string(), events: z.array(RunEvent) }),
  /** The list of runs, models, devices or experiments, or the status of the API changed. */
  z.object({
    kind: z.literal('changed'),
    what: z.enum(['runs', 'models', 'devices', 'lab', 'api']),
  }),
  /** An experiment, a few times per second while it is at work. */
  z.object({ kind: z.literal('lab'), experiment: Experiment }),
  /**
   * The runs of this engine that are running or queued, sent a few times per second while one runs.
   * A run that ended since the previous push is included one last time, with its final status.
   */
  z.object({ kind: z.literal('activity'), runs: z.array(RunProgress) }),
  z.object({ kind: z.literal('tasks'), tasks: z.array(Task) }),
  z.object({ kind: z.literal('hardware'), hardware: Hardware.nullable() }),
  /** The models in memory; `unloaded` is the model that was just unloaded, and why. */
  z.object({
    kind: z.literal('memory'),
    loaded: z.array(LoadedModel),
    unloaded: z.object({ name: z.string(), reason: z.enum(['idle', 'room', 'asked']) }).optional(),
  }),
  /** Progress, 0..1, of an attribution (`attributionTask`) or else of loading a model. */
  z.object({ kind: z.literal('progress'), task: z.string(), fraction: z.number() }),
  /** The run's place in the queue for room in its context, from 1; null once it does not wait. */
  z.object({ kind: z.literal('waiting'), run: z.string(), place: z.int().min(1).nullable() }),
  /** The engine process died or is back (sent by the supervisor). */
  z.object({
    kind: z.literal('engine'),
    state: z.enum(['up', 'restarting', 'stopped']),
    message: z.string(),
  }),
])
export type HostMessage = z.infer<typeof HostMessage>

/**
 * Returns the events of a message. Those of a backlog are not validated here; the host did so when
 * it read them.
 */
export function eventsIn({
  events,
}: Extract<HostMessage, { kind: 'backlog' | 'events' }>): RunEvent[] {
  return typeof events === 'string' ? (JSON.parse(events) as RunEvent[]) : events
}
