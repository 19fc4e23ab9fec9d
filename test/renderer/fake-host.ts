import { BraidError, fail } from '../../engine/protocol/errors.ts'
import {
  numberOf,
  runError,
  type CommandResult,
  type RunEvent,
} from '../../engine/protocol/events.ts'
import { spokenText, spokesman } from '../../engine/protocol/deciding.ts'
import { foldRun, segmentOf } from '../../engine/protocol/fold.ts'
import { digestOf, listItem } from '../../engine/protocol/run-list.ts'
import type {
  Attribution,
  CatalogueItem,
  Channel,
  DeviceState,
  WorkerState,
  Experiment,
  Fit,
  FoundModel,
  ModelEntry,
  ModelInfo,
  Offer,
  Params,
  Result,
  RunSummary,
  Method,
  Search,
  Task,
} from '../../engine/protocol/wire.ts'
import { EXPERIMENTS, LAB_ESTIMATE, LAB_RUNS, LAB_SET, LAB_SETS } from './fake-lab.ts'
import { SETTINGS } from './synthetic.ts'

/** A host for component tests that answers from memory and plays given events. test/e2e tests the real one. */
export interface FakeRun {
  summary: RunSummary
  events: RunEvent[]
  /** Number of events that exist at the start; `play` sends the rest. */
  sent: number
}

export const MODEL: ModelInfo = {
  file: '/models/parathinker-1.5b-q4_0.gguf',
  name: 'ParaThinker 1.5B',
  architecture: 'qwen2',
  parameters: 1.78e9,
  sizeBytes: 1.1e9,
  quantisation: 'Q4_0',
  trainContext: 131_072,
  layers: 28,
  heads: 12,
  kvHeads: 2,
  headDim: 128,
  vocabSize: 151_936,
  licence: 'mit',
  headerSha256: 'ab'.repeat(32),
  controlTokens: Array.from({ length: 8 }, (_, i) => [`<think${i + 1}>`, `</think${i + 1}>`])
    .flat()
    .concat('<summary>', '</summary>'),
  nativePaths: 8,
  thoughtRows: 32,
  kvBytesPerToken: { f32: 57_344, f16: 28_672, q8_0: 15_232, q4_0: 8064 },
  defaults: { ...SETTINGS, budget: 2048, summaryBudget: 1024, finish: 'first' },
}

/** Returns a made-up attribution: every token attends a little to everything and more to one of the paths. */
function attributionOf(events: readonly RunEvent[]): Attribution {
  const state = foldRun(events)
  const summary = state.summaries[0]!
  const shares = Array.from({ length: summary.tokens.length }, (_, i) => {
    const raw = [
      3,
      ...summary.reads.map(numberOf).map((n) => 1 + 2 * Math.abs(Math.sin(i * n * 0.37 + n))),
      2,
    ]
    const sum = raw.reduce((a, b) => a + b, 0)
    return raw.map((one) => one / sum)
  })
  return {
    segment: summary.segment,
    promptTokens: state.promptTokens.length,
    paths: summary.reads.map((segment) => ({
      segment,
      tokens: segmentOf(state, segment)!.tokens.length,
    })),
    shares,
  }
}

const CATALOGUE: CatalogueItem[] = [
  {
    id: 'parathinker-1.5b',
    name: 'ParaThinker 1.5B',
    repo: 'Leslie04/ParaThinker-1.5B',
    kind: 'folder',
    licence: "see the model's page",
    goodFor: {
      en: 'Problems of mathematics; trained for up to 8 parallel paths and their summary. It is downloaded, then converted.',
      zh: '数学问题；按最多 8 条并行路径及其总结训练。下载后需要转换。',
    },
    parallel: true,
    aboutBytes: 3.55e9,
    verdict: 'fits',
  },
  {
    id: 'qwen3-0.6b',
    name: 'Qwen3 0.6B',
    repo: 'Qwen/Qwen3-0.6B-GGUF',
    kind: 'gguf',
    choice: 'Q8_0',
    licence: 'apache-2.0',
    goodFor: { en: 'A first look on any machine', zh: '在任何机器上初步体验' },
    parallel: false,
    aboutBytes: 6.4e8,
    verdict: 'fits',
  },
  {
    id: 'qwen3-8b',
    name: 'Qwen3 8B',
    repo: 'Qwen/Qwen3-8B-GGUF',
    kind: 'gguf',
    choice: 'Q4_K_M',
    licence: 'apache-2.0',
    goodFor: {
      en: 'Mathematics, code and text with 16 GB of memory or a GPU of 8 GB',
      zh: '数学、代码和文本；需 16 GB 内存或 8 GB 显存的 GPU',
    },
    parallel: false,
    aboutBytes: 5.03e9,
    verdict: 'wont-fit',
  },
]
const OFFER: Offer = {
  repo: 'Qwen/Qwen3-8B-GGUF',
  licence: 'apache-2.0',
  gated: false,
  chosen: 'Q4_K_M',
  choices: [
    { name: 'Q4_K_M', kind: 'gguf', files: 1, sizeBytes: 5.03e9, verdict: 'fits' },
    { name: 'Q8_0', kind: 'gguf', files: 1, sizeBytes: 8.7e9, verdict: 'may-be-slow' },
    { name: 'F16', kind: 'gguf', files: 2, sizeBytes: 16.4e9, verdict: 'wont-fit' },
    { name: 'safetensors', kind: 'folder', files: 12, sizeBytes: 16.4e9, verdict: 'wont-fit' },
  ],
}

/** Returns the status of a server that always starts. */
const apiStatus = ({ api, apiPort = 27243 }: Record<string, unknown>): Result<'api.status'> =>
  api === true
    ? {
        state: 'on',
        url: `http://127.0.0.1:${String(apiPort)}/v1`,
        key: `braid-${'k'.repeat(43)}`,
        message: null,
      }
    : { state: 'off', url: null, key: null, message: null }

export class FakeHost {
  runs = new Map<string, FakeRun>()
  /** What searches leave out. */
  skipped: Search['skipped'] = []
  models: ModelEntry[] = [
    {
      file: MODEL.file,
      name: MODEL.name,
      sizeBytes: MODEL.sizeBytes,
      origin: 'bundled',
      bundled: true,
      present: true,
    },
    {
      file: '/data/models/Qwen--Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf',
      name: 'Qwen3 4B',
      sizeBytes: 2.5e9,
      origin: 'download',
      bundled: false,
      present: true,
      device: 'Vulkan0',
    },
    {
      file: '/home/user/.lmstudio/models/org/m/llama-3-8b-Q5_K_M.gguf',
      name: 'Llama 3 8B',
      sizeBytes: 5.7e9,
      origin: 'link',
      bundled: false,
      present: false,
    },
  ]
  tasks: Task[] = [
    {
      id: 't1',
      kind: 'download',
      name: 'Qwen3-8B-GGUF Q4_K_M',
      state: 'running',
      phase: 'download',
      fraction: 0.42,
      done: 2.1e9,
      total: 5.03e9,
      bytesPerSecond: 2.4e7,
    },
    {
      id: 't2',
      kind: 'convert',
      name: 'ParaThinker-1.5B-q8_0.gguf',
      state: 'paused',
      phase: 'convert',
      fraction: 0.2,
    },
    {
      id: 't3',
      kind: 'download',
      name: 'gemma',
      state: 'failed',
      phase: 'download',
      fraction: null,
      error: {
        code: 'io',
        detail: 'io/no-access',
        params: { host: 'huggingface.co', status: 401 },
      },
    },
  ]
  workers: WorkerState[] = []
  devices: DeviceState = {
    cpu: 'zen4',
    devices: [
      {
        name: 'CPU',
        description: 'AMD Ryzen 9 7950X',
        backend: 'CPU',
        type: 'cpu',
        memoryFree: 41e9,
        memoryTotal: 64e9,
      },
      {
        name: 'Vulkan0',
        description: 'AMD Radeon RX 7900 XTX',
        backend: 'Vulkan',
        type: 'gpu',
        memoryFree: 22e9,
        memoryTotal: 24e9,
      },
    ],
    backends: [
      { backend: 'vulkan', state: 'ready' },
      {
        backend: 'metal',
        state: 'skipped',
        reason: runError(fail('unknown-device/probe-hangs', { seconds: 15 })),
      },
      {
        backend: 'cuda',
        state: 'absent',
        fetch: {
          name: '@node-llama-cpp/linux-x64-cuda',
          sizeBytes: 139e6,
          needs: 'CUDA 13 (libcudart, libcublas)',
        },
      },
    ],
  }
  experiments: Experiment[] = EXPERIMENTS
  model: ModelInfo = MODEL
  fit: Fit = {
    weights: 1.1e9,
    kv: 2.4e8,
    compute: 3e8,
    total: 1.64e9,
    free: 1.2e10,
    verdict: 'fits',
    cells: 8400,
    devices: [{ name: 'CPU', weights: 1.1e9, kv: 2.4e8, compute: 3e8, free: 1.2e10 }],
    kvByType: { f32: 4.8e8, f16: 2.4e8, q8_0: 1.27e8, q4_0: 6.7e7 },
  }
  settings: Record<string, unknown> = {}
  /** Runs in the trash. */
  trash = 2
  /** Places of the runs that wait for room in their context. */
  waiting: Record<string, number> = {}
  calls: { method: string; params: unknown }[] = []
  alternatives: (params: Params<'run.alternatives'>) => Result<'run.alternatives'> = () => []
  onOpen: (run: string) => void = () => undefined
  onCommand: (params: Params<'run.command'>) => CommandResult = () => ({})
  onStart: ((params: Params<'run.start'>) => string) | null = null
  #listeners = new Set<(message: unknown) => void>()
  #open = new Set<string>()
  #deleted = new Map<string, FakeRun>()

  channel(): Channel {
    const own = new Set<(message: unknown) => void>()
    return {
      send: (message) => {
        void this.#answer(message as { id: number; method: Method; params: unknown })
      },
      onMessage: (listener) => {
        own.add(listener)
        this.#listeners.add(listener)
        for (const [run, place] of Object.entries(this.waiting))
          setTimeout(() => listener({ kind: 'waiting', run, place }))
      },
      onClose: () => undefined,
      close: () => {
        for (const listener of own) this.#listeners.delete(listener)
      },
    }
  }

  add(events: RunEvent[], summary: Partial<RunSummary> = {}, sent = events.length): string {
    const first = events[0]
    if (first?.type !== 'run-started') throw new Error('no run-started')
    this.runs.set(first.run, {
      events,
      sent,
      summary: {
        ...listItem(first.run, digestOf(foldRun(events), false)),
        status: 'ended',
        ...summary,
      },
    })
    return first.run
  }

  push(message: unknown): void {
    for (const listener of this.#listeners) listener(message)
  }

  /** Sends the next events of a run to its followers. */
  play(run: string, count: number): boolean {
    const entry = this.runs.get(run)!
    const events = entry.events.slice(entry.sent, entry.sent + count)
    entry.sent += events.length
    if (events.length > 0 && this.#open.has(run)) this.push({ kind: 'events', run, events })
    return entry.sent < entry.events.length
  }

  async #answer({
    id,
    method,
    params,
  }: {
    id: number
    method: Method
    params: unknown
  }): Promise<void> {
    this.calls.push({ method, params })
    await Promise.resolve()
    try {
      this.push({
        kind: 'result',
        id,
        result: this.#result(method, params as Record<string, unknown>),
      })
    } catch (error) {
      this.push({
        kind: 'error',
        id,
        error:
          error instanceof BraidError
            ? runError(error)
            : { code: 'internal', message: (error as Error).message },
      })
    }
  }

  #result(method: Method, params: Record<string, unknown>): unknown {
    const of = (run: string) => {
      const entry = this.runs.get(run)
      if (entry === undefined) throw new Error(`The run ${run} does not exist.`)
      return entry
    }
    switch (method) {
      case 'app.info':
        return {
          version: '0.1.0',
          llama: 'v0.4.0',
          dataFolder: '/home/user/.local/share/braid',
          bundledModel: null,
        } satisfies Result<'app.info'>
      case 'devices.list':
        return this.devices.devices
      case 'devices.state':
        return this.devices
      case 'workers.list':
        return this.workers
      case 'engine.loaded':
        return [
          {
            file: MODEL.file,
            name: MODEL.name,
            device: 'cpu',
            sizeBytes: MODEL.sizeBytes,
            gpuLayers: 0,
            inUse: false,
          },
        ] satisfies Result<'engine.loaded'>
      case 'tasks.list':
        return this.tasks
      case 'models.find':
        return [
          {
            file: '/home/user/.lmstudio/models/org/m/llama-3-8b-Q5_K_M.gguf',
            name: 'org/m/llama-3-8b-Q5_K_M',
            sizeBytes: 5.7e9,
            program: 'lm-studio',
            known: true,
          },
          {
            file: '/home/user/.ollama/models/blobs/sha256-abcd',
            name: 'qwen3:8b',
            sizeBytes: 5.2e9,
            program: 'ollama',
            known: false,
          },
        ] satisfies FoundModel[]
      case 'models.catalogue':
        return CATALOGUE
      case 'models.search':
        return [{ repo: 'Qwen/Qwen3-8B-GGUF', downloads: 1234, gated: false }]
      case 'models.offer':
        return OFFER
      case 'models.get':
      case 'models.convert':
      case 'devices.fetch':
        return this.tasks[0]
      case 'models.most':
        return { value: 8 }
      case 'models.list':
        return this.models
      case 'models.info':
        return this.model
      case 'models.add': {
        const { file } = params as { file: string }
        this.models.push({
          file,
          name: file.split('/').pop()!,
          sizeBytes: 1e9,
          origin: 'link',
          bundled: false,
          present: true,
        })
        return this.models.at(-1)
      }
      case 'models.remove': {
        const { file } = params as { file: string }
        this.models = this.models.filter((one) => one.file !== file)
        return { deleted: [] }
      }
      case 'api.status':
        return apiStatus(this.settings)
      case 'storage.list':
        return (['runs', 'models', 'trash'] as const).map((what, i) => ({
          what,
          folder: `/home/user/.local/share/braid/${what}`,
          bytes: [4.5e6, 2.5e9, this.trash * 1e5][i]!,
        })) satisfies Result<'storage.list'>
      case 'storage.emptyTrash': {
        const runs = this.trash
        this.trash = 0
        return { runs }
      }
      case 'models.fit':
        return this.fit
      case 'models.count':
        return {
          tokens: (params as Params<'models.count'>).texts.map(({ length }) =>
            Math.ceil(length / 4),
          ),
        }
      case 'lab.list':
        return this.experiments
      case 'lab.sets':
        return LAB_SETS
      case 'lab.inspect':
        return LAB_SET
      case 'lab.estimate':
        return LAB_ESTIMATE
      case 'lab.runs':
        return LAB_RUNS
      case 'run.start': {
        if (this.onStart === null) throw new Error('not in this test')
        return { run: this.onStart(params as Params<'run.start'>) }
      }
      case 'run.open': {
        const { run } = params as { run: string }
        this.onOpen(run)
        const entry = of(run)
        this.#open.add(run)
        this.push({
          kind: 'backlog',
          run,
          events: JSON.stringify(entry.events.slice(0, entry.sent)),
          start: true,
        })
        return { events: entry.sent, live: entry.summary.status === 'running' }
      }
      case 'run.close':
        this.#open.delete((params as { run: string }).run)
        return {}
      case 'run.command':
        return this.onCommand(params as Params<'run.command'>)
      case 'run.attribution':
        return attributionOf(of((params as { run: string }).run).events)
      case 'run.answer': {
        const state = foldRun(of((params as { run: string }).run).events)
        const said = spokesman(state)
        const text = said === undefined ? '' : spokenText(said, state)
        return { segment: said?.segment ?? null, text, cut: false }
      }
      case 'run.alternatives':
        return this.alternatives(params as Params<'run.alternatives'>)
      case 'runs.list':
        return [...this.runs.values()].map((entry) => entry.summary)
      case 'runs.search': {
        const { query } = params as { query: string }
        const hits = [...this.runs.values()]
          .filter((entry) => entry.summary.problem.toLowerCase().includes(query.toLowerCase()))
          .map((entry) => ({ run: entry.summary.run, snippet: entry.summary.problem }))
        return { hits, skipped: this.skipped }
      }
      case 'runs.search.cancel':
        return {}
      case 'runs.delete': {
        const { run } = params as { run: string }
        const entry = of(run)
        if (entry.summary.status === 'running')
          throw new Error('The run is still thinking. Stop it first.')
        this.runs.delete(run)
        this.#deleted.set(run, entry)
        return {}
      }
      case 'runs.restore': {
        const { run } = params as { run: string }
        this.runs.set(run, this.#deleted.get(run)!)
        return of(run).summary
      }
      case 'runs.import': {
        const lists = JSON.parse((params as { content: string }).content) as RunEvent[][]
        return lists.map((events) => of(this.add(events)).summary)
      }
      case 'runs.update': {
        const { run, ...change } = params as Params<'runs.update'>
        const entry = of(run)
        entry.summary = { ...entry.summary, ...change }
        return entry.summary
      }
      case 'settings.get':
        return this.settings
      case 'settings.set':
        Object.assign(this.settings, params)
        if ('api' in (params as object) || 'apiPort' in (params as object))
          this.push({ kind: 'changed', what: 'api' })
        return {}
      default:
        return {}
    }
  }
}
