import type { RunEvent } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import type { Attribution, Channel, Fit, ModelInfo, Params, Result, RunSummary, Method } from '../../engine/protocol/wire.ts'
import { SETTINGS } from './synthetic.ts'

/** A host for component tests and screenshots: it answers from memory and plays given events. The real one is tested in test/e2e. */
export interface FakeRun {
  summary: RunSummary
  events: RunEvent[]
  /** How many events are there already; the rest is played by `play`. */
  sent: number
}

export const MODEL: ModelInfo = {
  file: '/models/parathinker-1.5b-q4_0.gguf', name: 'ParaThinker 1.5B', architecture: 'qwen2', parameters: 1.78e9, sizeBytes: 1.1e9, quantisation: 'Q4_0', trainContext: 131_072,
  layers: 28, heads: 12, kvHeads: 2, headDim: 128, vocabSize: 151_936, licence: 'mit', headerSha256: 'ab'.repeat(32),
  controlTokens: Array.from({ length: 8 }, (_, i) => [`<think${i + 1}>`, `</think${i + 1}>`]).flat().concat('<summary>', '</summary>'), nativePaths: 8, thoughtRows: 32,
  kvBytesPerToken: { f32: 57_344, f16: 28_672, q8_0: 15_232, q4_0: 8064 }, defaults: { ...SETTINGS, budget: 2048, summaryBudget: 1024, finish: 'first' },
}

/** Made up: every token pays a little to everything, and more to one path or another. */
function attributionOf(events: readonly RunEvent[]): Attribution {
  const state = foldRun(events)
  const summary = state.summaries[0]!
  const shares = Array.from({ length: summary.tokens.length }, (_, i) => {
    const raw = [3, ...summary.paths.map((path) => 1 + 2 * Math.abs(Math.sin(i * path * 0.37 + path))), 2]
    const sum = raw.reduce((a, b) => a + b, 0)
    return raw.map((one) => one / sum)
  })
  return { version: 1, promptTokens: state.promptTokens.length, paths: summary.paths.map((path) => ({ path, tokens: state.paths[path - 1]!.tokens.length })), shares }
}

export class FakeHost {
  runs = new Map<string, FakeRun>()
  models = [{ file: MODEL.file, name: MODEL.name, sizeBytes: MODEL.sizeBytes, bundled: true, present: true }]
  model: ModelInfo = MODEL
  settings: Record<string, unknown> = {}
  calls: { method: string; params: unknown }[] = []
  onStart: ((params: Params<'run.start'>) => string) | null = null
  #listeners = new Set<(message: unknown) => void>()
  #open = new Set<string>()

  channel(): Channel {
    const own = new Set<(message: unknown) => void>()
    return {
      send: (message) => { void this.#answer(message as { id: number; method: Method; params: unknown }) },
      onMessage: (listener) => { own.add(listener); this.#listeners.add(listener) },
      onClose: () => undefined,
      close: () => { for (const listener of own) this.#listeners.delete(listener) },
    }
  }

  add(events: RunEvent[], summary: Partial<RunSummary> = {}, sent = events.length): string {
    const first = events[0]
    if (first?.type !== 'run-started') throw new Error('no run-started')
    const ended = events.find((event) => event.type === 'run-ended')
    this.runs.set(first.run, {
      events, sent,
      summary: { run: first.run, title: first.problem.slice(0, 120), problem: first.problem, model: first.model.name, strategy: first.settings.strategy, paths: first.settings.paths, answer: ended?.type === 'run-ended' ? ended.answer : null, status: 'ended', time: first.time, durationMs: ended?.at ?? 0, tokens: events.length, starred: false, tags: [], ...summary },
    })
    return first.run
  }

  push(message: unknown): void {
    for (const listener of this.#listeners) listener(message)
  }

  /** Sends the next events of a run to whoever follows it. */
  play(run: string, count: number): boolean {
    const entry = this.runs.get(run)!
    const events = entry.events.slice(entry.sent, entry.sent + count)
    entry.sent += events.length
    if (events.length > 0 && this.#open.has(run)) this.push({ kind: 'events', run, events, more: false })
    return entry.sent < entry.events.length
  }

  async #answer({ id, method, params }: { id: number; method: Method; params: unknown }): Promise<void> {
    this.calls.push({ method, params })
    await Promise.resolve()
    try {
      this.push({ kind: 'result', id, result: this.#result(method, params as Record<string, unknown>) })
    } catch (error) {
      this.push({ kind: 'error', id, error: { code: 'internal', message: (error as Error).message } })
    }
  }

  #result(method: Method, params: Record<string, unknown>): unknown {
    const of = (run: string) => {
      const entry = this.runs.get(run)
      if (entry === undefined) throw new Error(`There is no run ${run}.`)
      return entry
    }
    switch (method) {
      case 'app.info': return { version: '0.1.0', llama: 'v0.4.0', dataFolder: '/home/user/.local/share/braid', bundledModel: null } satisfies Result<'app.info'>
      case 'devices.list': return [{ name: 'cpu', description: 'CPU', backend: 'cpu', type: 'cpu', memoryFree: 12e9, memoryTotal: 16e9 }] satisfies Result<'devices.list'>
      case 'models.list': return this.models
      case 'models.info': return this.model
      case 'models.add': { const { file } = params as { file: string }; this.models.push({ file, name: file.split('/').pop()!, sizeBytes: 1e9, bundled: false, present: true }); return this.models.at(-1) }
      case 'models.fit': return { weights: 1.1e9, kv: 2.4e8, compute: 3e8, total: 1.64e9, free: 1.2e10, verdict: 'fits', cells: 8400 } satisfies Fit
      case 'run.start': { if (this.onStart === null) throw new Error('not in this test'); return { run: this.onStart(params as Params<'run.start'>) } }
      case 'run.open': {
        const { run } = params as { run: string }
        const entry = of(run)
        this.#open.add(run)
        queueMicrotask(() => this.push({ kind: 'events', run, events: entry.events.slice(0, entry.sent), more: false }))
        return { events: entry.sent, live: entry.summary.status === 'running' }
      }
      case 'run.close': this.#open.delete((params as { run: string }).run); return {}
      case 'run.command': return {}
      case 'run.attribution': return attributionOf(of((params as { run: string }).run).events)
      case 'run.alternatives': return []
      case 'runs.list': return [...this.runs.values()].map((entry) => entry.summary)
      case 'runs.search': { const { query } = params as { query: string }; return [...this.runs.values()].filter((entry) => entry.summary.problem.toLowerCase().includes(query.toLowerCase())).map((entry) => ({ run: entry.summary.run, snippet: entry.summary.problem })) }
      case 'runs.update': { const { run, ...change } = params as Params<'runs.update'>; const entry = of(run); entry.summary = { ...entry.summary, ...change }; return entry.summary }
      case 'settings.get': return this.settings
      case 'settings.set': Object.assign(this.settings, params); return {}
      default: return {}
    }
  }
}
