import { z } from 'zod'
import { KvType } from './request.ts'

/** Models and devices as they cross the boundary; wire.ts has the requests. Sizes in bytes. */

export const file = z.string().min(1).max(4096)
const problem = z.object({ code: z.string(), message: z.string() })

export const DeviceInfo = z.object({
  name: z.string(),
  description: z.string(),
  backend: z.string(),
  type: z.enum(['cpu', 'gpu', 'igpu', 'accel']),
  memoryFree: z.number(),
  memoryTotal: z.number(),
})
export type DeviceInfo = z.infer<typeof DeviceInfo>

/** What this machine can compute with. Each GPU backend was tried in a process of its own before it was let in. */
export const DeviceState = z.object({
  /** The CPU variant in use, such as `haswell`; '' where ggml was built without variants. */
  cpu: z.string(),
  devices: z.array(DeviceInfo),
  backends: z.array(
    z.object({
      backend: z.string(),
      /** `ready`: devices of it can be chosen; `skipped`: its library is here and does not work, see `reason`; `absent`: it can be fetched. */
      state: z.enum(['ready', 'skipped', 'absent']),
      reason: z.string().optional(),
      /** What fetching it loads, for `absent`: npm package, and about how many bytes. */
      fetch: z
        .object({ name: z.string(), sizeBytes: z.number(), needs: z.string().optional() })
        .optional(),
    }),
  ),
})
export type DeviceState = z.infer<typeof DeviceState>

/** The machine while a run is thinking. `load`: share of all processors that was busy, 0..1. */
export const Hardware = z.object({
  load: z.number(),
  memoryUsed: z.number(),
  memoryTotal: z.number(),
  gpus: z.array(z.object({ name: z.string(), memoryUsed: z.number(), memoryTotal: z.number() })),
})
export type Hardware = z.infer<typeof Hardware>

/** A model that is in memory. `gpuLayers`: as they were asked for, -1 is all. `inUse`: a run thinks with it. */
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
  /** `link`: a file of the user, which Braid never deletes; `download`: one that Braid fetched or made. */
  origin: z.enum(['bundled', 'link', 'download']),
  bundled: z.boolean(),
  /** false: the file is no longer there. */
  present: z.boolean(),
  /** Device that its runs take where they name none. */
  device: z.string().optional(),
})
export type ModelEntry = z.infer<typeof ModelEntry>

/** A file that is no model that Braid can run. */
export const Refused = problem.extend({ file: z.string() })
export type Refused = z.infer<typeof Refused>

/** A model of another program, found by its name; it was not read yet. */
export const FoundModel = z.object({
  file,
  name: z.string().max(1024),
  sizeBytes: z.number(),
  program: z.string().optional(),
  known: z.boolean(),
})
export type FoundModel = z.infer<typeof FoundModel>

/** A model that Braid knows of and can download. */
export const CatalogueItem = z.object({
  id: z.string(),
  name: z.string(),
  repo: z.string(),
  kind: z.enum(['gguf', 'folder']),
  choice: z.string().optional(),
  licence: z.string(),
  goodFor: z.string(),
  parallel: z.boolean(),
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

/** What an address or a repository offers. `verdict` is by size alone: the rest is known once the file is here. */
export const Offer = z.object({
  repo: z.string().optional(),
  licence: z.string().optional(),
  gated: z.boolean(),
  choices: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['gguf', 'folder']),
      files: z.int(),
      /** null: the address does not say. */
      sizeBytes: z.number().nullable(),
      verdict: z.enum(['fits', 'may-be-slow', 'wont-fit']).optional(),
    }),
  ),
  /** The choice that was named. */
  chosen: z.string().optional(),
})
export type Offer = z.infer<typeof Offer>

/** Work that takes minutes: downloads, conversions. It is listed until it is cleared, and goes on after a restart where it was. */
export const Task = z.object({
  id: z.string(),
  kind: z.enum(['download', 'convert', 'backend']),
  name: z.string(),
  state: z.enum(['waiting', 'running', 'paused', 'done', 'failed']),
  phase: z.enum(['download', 'check', 'convert', 'quantise', 'unpack']),
  /** 0..1; null: not known. */
  fraction: z.number().nullable(),
  /** Of a download. */
  done: z.number().optional(),
  total: z.number().nullable().optional(),
  bytesPerSecond: z.number().optional(),
  /** What it made. */
  file: file.optional(),
  error: problem.optional(),
})
export type Task = z.infer<typeof Task>

/** Memory that a run needs, and whether the machine has it. */
export const Fit = z.object({
  weights: z.number(),
  kv: z.number(),
  compute: z.number(),
  total: z.number(),
  free: z.number(),
  verdict: z.enum(['fits', 'may-be-slow', 'wont-fit']),
  /** The memory that is short, and by how much. */
  short: z.object({ device: z.string(), bytes: z.number() }).optional(),
  cells: z.int(),
  /** The same a device, the CPU first; a device that the run does not touch is left out. */
  devices: z.array(
    z.object({
      name: z.string(),
      weights: z.number(),
      kv: z.number(),
      compute: z.number(),
      free: z.number(),
    }),
  ),
  /** KV memory of this run by cache type: the price of the choice. */
  kvByType: z.record(KvType, z.number()),
})
export type Fit = z.infer<typeof Fit>
