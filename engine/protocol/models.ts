import { z } from 'zod'
import { Params, RunError } from './events.ts'
import { KvType } from './request.ts'
import { WorkerDevice } from './workers.ts'

/** Schemas of models and devices; wire.ts has the requests that use them. Sizes are in bytes. */

export const file = z.string().min(1).max(4096)

export const DeviceInfo = z.object({
  name: z.string(),
  description: z.string(),
  backend: z.string(),
  type: z.enum(['cpu', 'gpu', 'igpu', 'accel']),
  memoryFree: z.number(),
  memoryTotal: z.number(),
})
export type DeviceInfo = z.infer<typeof DeviceInfo>

/** A worker that this machine is paired with. */
export const WorkerState = z.object({
  /** HOST:PORT */
  worker: z.string(),
  devices: z.array(WorkerDevice),
  /** Why it cannot be used now. */
  problem: RunError.optional(),
})
export type WorkerState = z.infer<typeof WorkerState>

/** What this machine can compute with. Each GPU backend is first tested in a separate process. */
export const DeviceState = z.object({
  /** The CPU variant in use, such as `haswell`; '' if ggml was built without variants. */
  cpu: z.string(),
  devices: z.array(DeviceInfo),
  backends: z.array(
    z.object({
      backend: z.string(),
      /**
       * `ready`: its devices can be chosen. `skipped`: its library is installed but does not work,
       * see `reason`. `absent`: it can be downloaded.
       */
      state: z.enum(['ready', 'skipped', 'absent']),
      reason: RunError.optional(),
      /** For `absent`: the npm package to download, and its approximate size. */
      fetch: z
        .object({ name: z.string(), sizeBytes: z.number(), needs: z.string().optional() })
        .optional(),
    }),
  ),
})
export type DeviceState = z.infer<typeof DeviceState>

/** Use of the machine during a run. `load` is the busy share of all processors, 0..1. */
export const Hardware = z.object({
  load: z.number(),
  memoryUsed: z.number(),
  memoryTotal: z.number(),
  gpus: z.array(z.object({ name: z.string(), memoryUsed: z.number(), memoryTotal: z.number() })),
})
export type Hardware = z.infer<typeof Hardware>

/** A model in memory. `gpuLayers` is as requested; -1 means all. `inUse`: a run is using it. */
export const LoadedModel = z.object({
  file,
  name: z.string(),
  device: z.string(),
  sizeBytes: z.number(),
  gpuLayers: z.int(),
  inUse: z.boolean(),
})
export type LoadedModel = z.infer<typeof LoadedModel>

export const ModelEntry = z.object({
  file,
  name: z.string(),
  sizeBytes: z.number(),
  /**
   * `link`: the user's own file, never deleted. `download`: Braid downloaded or made it. `server`: it
   * is on a server, and `file` is its address (address.ts).
   */
  origin: z.enum(['bundled', 'link', 'download', 'server']),
  bundled: z.boolean(),
  /** false: the file no longer exists. */
  present: z.boolean(),
  /** The device that runs of this model use if they name none. */
  device: z.string().optional(),
})
export type ModelEntry = z.infer<typeof ModelEntry>

/** A file that Braid cannot run as a model, and why. */
export const Refused = RunError.extend({ file: z.string() })
export type Refused = z.infer<typeof Refused>

/** What adding several files came to. `known`: they were on the list already. */
export const Added = z.object({
  added: z.array(ModelEntry),
  known: z.array(ModelEntry),
  refused: z.array(Refused),
})
export type Added = z.infer<typeof Added>

/** A model of another program, found by file name and not read. `known`: Braid already lists it. */
export const FoundModel = z.object({
  file,
  name: z.string().max(1024),
  sizeBytes: z.number(),
  program: z.string().optional(),
  known: z.boolean(),
})
export type FoundModel = z.infer<typeof FoundModel>

/** A model of Braid's catalogue, which can be downloaded. */
/** What a model is good for, in the languages of the window. */
export const GoodFor = z.object({ en: z.string(), zh: z.string() })

/** Whether a run fits the machine's memory. */
export const Verdict = z.enum(['fits', 'may-be-slow', 'wont-fit'])

export const CatalogueItem = z.object({
  id: z.string(),
  name: z.string(),
  repo: z.string(),
  kind: z.enum(['gguf', 'folder']),
  choice: z.string().optional(),
  licence: z.string(),
  goodFor: GoodFor,
  parallel: z.boolean(),
  /** About how large the download is; the hub knows exactly. */
  aboutBytes: z.number().optional(),
  /** Whether the model fits this machine, by that size. */
  verdict: Verdict.optional(),
})
export type CatalogueItem = z.infer<typeof CatalogueItem>

export const CONVERT_TYPES = [
  'f32',
  'f16',
  'bf16',
  'q8_0',
  'q4_0',
  'q4_1',
  'q5_0',
  'q5_1',
  'q3_k_m',
  'q4_k_s',
  'q4_k_m',
  'q5_k_m',
  'q6_k',
] as const
export const ConvertType = z.enum(CONVERT_TYPES)
export type ConvertType = z.infer<typeof ConvertType>

/** What a URL or a repository offers for download. `verdict` is based on size alone. */
export const Offer = z.object({
  repo: z.string().optional(),
  licence: z.string().optional(),
  gated: z.boolean(),
  choices: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['gguf', 'folder']),
      files: z.int(),
      /** null: the server does not report the size. */
      sizeBytes: z.number().nullable(),
      verdict: Verdict.optional(),
    }),
  ),
  /** The choice that the request named. */
  chosen: z.string().optional(),
})
export type Offer = z.infer<typeof Offer>

/** A long download or conversion. It is listed until it is cleared, and survives a restart. */
export const Task = z.object({
  id: z.string(),
  kind: z.enum(['download', 'convert', 'backend']),
  name: z.string(),
  state: z.enum(['waiting', 'running', 'paused', 'done', 'failed']),
  phase: z.enum(['download', 'check', 'convert', 'quantise', 'unpack']),
  /** 0..1; null if unknown. */
  fraction: z.number().nullable(),
  /** For downloads: bytes received so far. */
  done: z.number().optional(),
  total: z.number().nullable().optional(),
  bytesPerSecond: z.number().optional(),
  /** The file that it produced. */
  file: file.optional(),
  /** What the user should know about that file: notices of wording.ts. */
  notices: z.array(z.object({ code: z.string(), params: Params.optional() })).optional(),
  error: RunError.optional(),
})
export type Task = z.infer<typeof Task>

/** The memory that a run needs, and whether the machine has it. */
export const Fit = z.object({
  weights: z.number(),
  kv: z.number(),
  compute: z.number(),
  total: z.number(),
  free: z.number(),
  verdict: Verdict,
  /** The device that lacks memory, and how many bytes it lacks. */
  short: z.object({ device: z.string(), bytes: z.number() }).optional(),
  cells: z.int(),
  /** Positions that the model can take with these settings; absent if they are not known. */
  positions: z.number().optional(),
  /** The same figures per device, the CPU first; devices that the run does not use are omitted. */
  devices: z.array(
    z.object({
      name: z.string(),
      weights: z.number(),
      kv: z.number(),
      compute: z.number(),
      free: z.number(),
    }),
  ),
  /** KV memory of this run for each cache type, for comparison. */
  kvByType: z.record(KvType, z.number()),
})
export type Fit = z.infer<typeof Fit>
