/**
 * The two-phase rules (docs/method.md, "What happens in one run") in float64, written without llama.cpp:
 * the oracle for the engine's logprobs.
 *
 * A *cell* is one token with its key and value in every layer. A path shares the prompt's cells; a branched
 * path also shares the first `at` cells of its parent. A token attends to the cells of its line at positions up to its
 * own; a summary's line holds every cell of the paths that it reads, each once.
 */
import type { TinyModel } from './tiny-models.ts'

export interface ReferencePath {
  /** Row of the thought tables for this path's own tokens. */
  thought: number
  tokens: readonly number[]
  /** The first `at` tokens of this earlier path (index into `paths`) come before `tokens`, as its own cells. */
  parent?: { path: number; at: number }
  /** Its tokens come behind the largest position of these earlier paths, whose cells it sees, each once. */
  reads?: readonly number[]
}
export interface ReferenceInput {
  prompt: readonly number[]
  paths: readonly ReferencePath[]
  /** Indexes of the paths the summary reads; absent: all. */
  summaryPaths?: readonly number[]
  summary?: readonly number[]
  /** The summary reads paths one behind the other; absent: all at their own positions. */
  consecutive?: Consecutive
  /** false: no embedding is added anywhere, row 0 included. */
  thoughtEmbedding?: boolean
  yarn?: Yarn
  longrope?: Longrope
}
/**
 * The summary's line: the prompt's first `keep` tokens, then for each path its separator (with row 0 of the thought tables)
 * and its cells, whose keys are rotated to where they now stand.
 */
export interface Consecutive {
  keep: number
  /** One list per path that the summary reads, and perhaps words before the summary, whose first token is then scored. */
  separators: readonly (readonly number[])[]
  /** The first token of each path that the summary reads; absent: 0. */
  from?: readonly number[]
}
/** RoPE scaling of arXiv 2402.13753: each pair's frequency is divided by a factor, and a magnitude. */
export interface Longrope {
  factors: readonly number[]
  magnitude: number
}
/**
 * RoPE scaling of arXiv 2309.00071. Its magnitude 0.1 ln(factor) + 1 (times an attention factor of 1) is what the released
 * model runs with: its example sets `attention_factor`, a key that vLLM's YaRN does not read.
 */
export interface Yarn {
  factor: number
  originalContext: number
}

/** `logprob` of the token, if something precedes it; `next`: logprobs of the whole vocabulary after it. */
export interface ReferenceToken {
  id: number
  logprob: number | null
  next: Float64Array
}
/**
 * `attention`: of each summary token, the softmax by cell, mean over layers and heads. Cells are numbered in this order:
 * the prompt's, each path's own, the summary's.
 */
export interface ReferenceOutput {
  prompt: ReferenceToken[]
  paths: ReferenceToken[][]
  summary: ReferenceToken[]
  attention: Map<number, number>[]
  /** Layout `consecutive`: which of the paths that the summary reads a cell in its line is of. */
  owners: Map<number, number>
}

export function reference(model: TinyModel, input: ReferenceInput): ReferenceOutput {
  const cells = new Cells(model, input.thoughtEmbedding ?? true, input.yarn, input.longrope)
  const run = (
    tokens: readonly number[],
    start: number,
    thought: number,
    line: number[],
    before: Float64Array | null,
  ): ReferenceToken[] =>
    tokens.map((id, i) => {
      const logprob = before ? before[id]! : null
      before = cells.add(id, start + i, thought, line)
      return { id, logprob, next: before }
    })

  const promptCells: number[] = []
  const prompt = run(input.prompt, 0, 0, promptCells, null)

  // Cells of each path beyond the prompt, in order of position, and its tokens.
  const lines: number[][] = []
  const chains: ReferenceToken[][] = []
  // Position behind each path's last token.
  const ends: number[] = []
  const paths = input.paths.map((path) => {
    const start = Math.max(
      promptCells.length + (path.parent?.at ?? 0),
      ...(path.reads ?? []).map((i) => ends[i]!),
    )
    ends.push(start + path.tokens.length)
    const shared = path.parent ? lines[path.parent.path]!.slice(0, path.parent.at) : []
    const chain = path.parent ? chains[path.parent.path]!.slice(0, path.parent.at) : []
    if (path.parent && shared.length < path.parent.at) throw new Error('branch beyond the parent')
    const seen = (path.reads ?? []).flatMap((i) => lines[i]!)
    const line = [...new Set([...promptCells, ...seen, ...shared])]
    const before = path.reads ? undefined : (chain.at(-1) ?? prompt.at(-1))
    const tokens = run(path.tokens, start, path.thought, line, before?.next ?? null)
    lines.push(line.slice(promptCells.length))
    chains.push([...chain, ...tokens])
    return tokens
  })

  const read = (input.summaryPaths ?? input.paths.map((_, i) => i)).map((i) => lines[i]!)
  let joined = [...new Set([...promptCells, ...read.flat()])]
  let start = promptCells.length + Math.max(0, ...read.map((line) => line.length))
  let before: Float64Array | null = null
  const owners = new Map<number, number>()
  if (input.consecutive) {
    const { keep, separators, from } = input.consecutive
    joined = promptCells.slice(0, keep)
    for (const [i, line] of read.entries()) {
      run(separators[i]!, joined.length, 0, joined, null)
      const first = from?.[i] ?? 0
      const cut = cells.moved(line.slice(first), joined.length - promptCells.length - first)
      for (const cell of cut) owners.set(cell, i)
      joined.push(...cut)
    }
    before = run(separators[read.length] ?? [], joined.length, 0, joined, null).at(-1)?.next ?? null
    start = joined.length
  }
  const attention: Map<number, number>[] = []
  cells.observed = attention
  const summary = run(input.summary ?? [], start, 0, joined, before)
  return { prompt, paths, summary, attention, owners }
}

class Cells {
  /** Where the attention of the next tokens is reported. */
  observed: Map<number, number>[] | undefined
  /** Per layer and cell: keys after RoPE and values, [kvHeads * headDim]. */
  readonly #keys: Float64Array[][]
  readonly #values: Float64Array[][]
  readonly #model: TinyModel
  readonly #thoughtEmbedding: boolean
  readonly #frequencies: Float64Array
  readonly #magnitude: number

  constructor(model: TinyModel, thoughtEmbedding: boolean, yarn?: Yarn, longrope?: Longrope) {
    this.#model = model
    this.#thoughtEmbedding = thoughtEmbedding
    this.#keys = model.weights.layers.map(() => [])
    this.#values = model.weights.layers.map(() => [])
    this.#frequencies = frequencies(model.dims.headDim, model.dims.ropeBase, yarn)
    this.#magnitude = yarn ? 0.1 * Math.log(yarn.factor) + 1 : 1
    if (longrope) {
      this.#frequencies = this.#frequencies.map((f, i) => f / longrope.factors[i]!)
      this.#magnitude = longrope.magnitude
    }
  }

  /** Returns copies of cells with their keys rotated by `delta` positions. */
  moved(line: readonly number[], delta: number): number[] {
    const { kvHeads, headDim } = this.#model.dims
    const first = this.#keys[0]!.length
    this.#keys.forEach((keys, l) => {
      for (const cell of line) {
        const key = keys[cell]!.slice()
        for (let i = 0; i < kvHeads; i++)
          this.#rotate(key, i * headDim, delta, this.#model.shape, 1)
        keys.push(key)
        this.#values[l]!.push(this.#values[l]![cell]!)
      }
    })
    return line.map((_, i) => first + i)
  }

  /** Computes one token whose line is `line`, appends its cell to the line; returns the logprobs after it. */
  add(token: number, position: number, thought: number, line: number[]): Float64Array {
    const { dims, weights, shape } = this.#model
    const { embd, heads, kvHeads, headDim, normEps } = dims
    line.push(this.#keys[0]!.length)
    let x = weights.embedding.slice(token * embd, (token + 1) * embd)
    const attended = new Map<number, number>()
    this.observed?.push(attended)
    weights.layers.forEach((layer, l) => {
      const h = rmsNorm(x, layer.attnNorm, normEps)
      const q = linear(layer.q, h, layer.qBias)
      const k = linear(layer.k, h, layer.kBias)
      const v = linear(layer.v, h, layer.vBias)
      if (layer.thought && this.#thoughtEmbedding) {
        for (let i = 0; i < kvHeads * headDim; i++) {
          const t = layer.thought[thought * headDim + (i % headDim)]!
          k[i] = k[i]! + t
          v[i] = v[i]! + t
        }
      }
      for (let i = 0; i < heads; i++) this.#rotate(q, i * headDim, position, shape)
      for (let i = 0; i < kvHeads; i++) this.#rotate(k, i * headDim, position, shape)
      const keys = this.#keys[l]!
      const values = this.#values[l]!
      keys.push(k)
      values.push(v)

      const mixed = new Float64Array(heads * headDim)
      for (let head = 0; head < heads; head++) {
        const kv = Math.floor(head / (heads / kvHeads)) * headDim
        const scores = line.map((cell) => {
          let dot = 0
          for (let i = 0; i < headDim; i++) dot += q[head * headDim + i]! * keys[cell]![kv + i]!
          return dot / Math.sqrt(headDim)
        })
        const top = scores.reduce((a, b) => Math.max(a, b), -Infinity)
        const weightsOf = scores.map((s) => Math.exp(s - top))
        const total = weightsOf.reduce((a, b) => a + b, 0)
        line.forEach((cell, j) => {
          const w = weightsOf[j]! / total
          if (this.observed)
            attended.set(cell, (attended.get(cell) ?? 0) + w / (heads * weights.layers.length))
          for (let i = 0; i < headDim; i++) mixed[head * headDim + i]! += w * values[cell]![kv + i]!
        })
      }
      x = sum(x, linear(layer.o, mixed))
      const f = rmsNorm(x, layer.ffnNorm, normEps)
      const gate = linear(layer.gate, f)
      const up = linear(layer.up, f)
      x = sum(
        x,
        linear(
          layer.down,
          gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!),
        ),
      )
    })
    return logSoftmax(linear(weights.output, rmsNorm(x, weights.outputNorm, normEps)))
  }

  /** Qwen2 turns element i with i + headDim/2, Llama (in GGUF layout) 2i with 2i + 1. */
  #rotate(
    vector: Float64Array,
    at: number,
    position: number,
    shape: TinyModel['shape'],
    magnitude = this.#magnitude,
  ): void {
    const half = this.#frequencies.length
    for (let i = 0; i < half; i++) {
      const [a, b] = shape === 'qwen2' ? [at + i, at + i + half] : [at + 2 * i, at + 2 * i + 1]
      const angle = position * this.#frequencies[i]!
      const [cos, sin] = [Math.cos(angle) * magnitude, Math.sin(angle) * magnitude]
      const [x, y] = [vector[a]!, vector[b]!]
      vector[a] = x * cos - y * sin
      vector[b] = x * sin + y * cos
    }
  }
}

/** Returns radians per position of each pair. YaRN: fast pairs stay, slow ones are divided by the factor, a ramp between (beta 32 and 1). */
function frequencies(headDim: number, base: number, yarn?: Yarn): Float64Array {
  const correction = (turns: number) =>
    (headDim * Math.log((yarn?.originalContext ?? 1) / (turns * 2 * Math.PI))) /
    (2 * Math.log(base))
  const low = Math.max(0, Math.floor(correction(32)))
  const high = Math.min(headDim - 1, Math.ceil(correction(1)))
  return Float64Array.from({ length: headDim / 2 }, (_, i) => {
    const f = base ** ((-2 * i) / headDim)
    if (!yarn) return f
    const ramp = Math.min(1, Math.max(0, (i - low) / Math.max(0.001, high - low)))
    return f * (1 - ramp) + (f / yarn.factor) * ramp
  })
}

function linear(matrix: Float64Array, x: Float64Array, bias?: Float64Array): Float64Array {
  const columns = x.length
  const out = new Float64Array(matrix.length / columns)
  for (let row = 0; row < out.length; row++) {
    let total = bias ? bias[row]! : 0
    for (let i = 0, at = row * columns; i < columns; i++) total += matrix[at + i]! * x[i]!
    out[row] = total
  }
  return out
}

const sum = (a: Float64Array, b: Float64Array) => a.map((x, i) => x + b[i]!)

function rmsNorm(x: Float64Array, weight: Float64Array, eps: number): Float64Array {
  const scale = 1 / Math.sqrt(x.reduce((a, b) => a + b * b, 0) / x.length + eps)
  return x.map((v, i) => v * scale * weight[i]!)
}

function logSoftmax(logits: Float64Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  const log = top + Math.log(logits.reduce((a, b) => a + Math.exp(b - top), 0))
  return logits.map((x) => x - log)
}

/** Returns the log-softmax of the mean of several vectors of log-probabilities (ThinkMerge). */
export function meanOf(rows: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(rows[0]!.length)
  for (const row of rows)
    for (const [id, logprob] of row.entries()) mean[id]! += logprob / rows.length
  const most = Math.max(...mean)
  const sum = mean.reduce((total, value) => total + Math.exp(value - most), 0)
  return mean.map((value) => value - most - Math.log(sum))
}
