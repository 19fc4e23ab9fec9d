/**
 * Models that say what a test wrote: the next token depends on the last one alone, and every token of
 * a script occurs once, so that a script runs from its first token to its end. Which script begins
 * is decided by the last byte of the prompt: of the question for a path, of the instruction for a
 * summary. Scripts behind the same byte are equally likely, and the seed chooses.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { array, bool, encodeGguf, f32, str, u32, type Tensor } from './gguf-writer.ts'
import { Random } from './random.ts'
import type { Scripts } from './scripts.ts'
import { byteTokens, EOS } from './tiny-models.ts'

const WIDTH = 256
/** Logit of the scripted token; every other one has about a sixteenth of it at random. */
const CERTAIN = 80
const NORMAL = 1
const CONTROL = 3

/** A chat template that is the question alone, of a model that thinks before it answers. */
export const THINKS = '{# <think> </think> #}{{ messages[0].content }}'

/** Writes the model into a new temporary folder, which the caller removes; returns its path. */
export function writeScripted(scripts: Scripts, options: ScriptedOptions = {}): string {
  const file = join(mkdtempSync(join(tmpdir(), 'braid-scripted-')), 'scripted.gguf')
  writeFileSync(file, scriptedModel(scripts, options))
  return file
}

interface ScriptedOptions {
  name?: string
  /** Chat template; none if absent. */
  template?: string
  /** Control tokens that scripts may begin behind and end with; elsewhere they are spelled. */
  marks?: readonly string[]
}

function scriptedModel(scripts: Scripts, options: ScriptedOptions): Buffer {
  const { marks = [] } = options
  const tokens = [...byteTokens(), EOS, ...marks]
  const end = tokens.indexOf(EOS)
  const known = new Set(tokens)
  /** By token: those after which it comes. */
  const after = new Map<number, number[]>([[end, []]])
  for (const [before, texts] of Object.entries(scripts))
    for (const text of texts) {
      let last = marks.includes(before) ? tokens.indexOf(before) : Buffer.from(before).at(-1)!
      const add = (id: number) => {
        after.set(id, [...(after.get(id) ?? []), last])
        last = id
      }
      const mark = marks.find((one) => text.endsWith(one)) ?? ''
      for (const piece of pieces(text.slice(0, text.length - mark.length), known)) {
        known.add(piece)
        add(tokens.push(piece) - 1)
      }
      if (mark !== '') add(tokens.indexOf(mark))
      after.get(end)!.push(last)
    }
  return encode(tokens, after, end, options)
}

/** Splits a text into tokens that no script has had yet. */
function pieces(text: string, known: ReadonlySet<string>): string[] {
  const stand = byteTokens()
  const token = (part: string) => [...Buffer.from(part)].map((byte) => stand[byte]!).join('')
  const found: string[] = []
  const fresh = (one: string) => !known.has(one) && !found.includes(one)
  let open = ''
  for (const word of text.match(/\s*[\p{L}\p{N}]{1,8}|\s*[^\s\p{L}\p{N}]|\s+$/gu) ?? []) {
    open += token(word)
    if (!fresh(open) || open.length < 2) continue
    found.push(open)
    open = ''
  }
  while (open !== '') {
    const last = found.pop()
    if (last === undefined) throw new Error(`The script has no token of its own: ${text}`)
    open = last + open
    if (!fresh(open)) continue
    found.push(open)
    open = ''
  }
  return found
}

function encode(
  tokens: readonly string[],
  after: ReadonlyMap<number, readonly number[]>,
  end: number,
  { name = 'Scripted', template, marks = [] }: ScriptedOptions,
): Buffer {
  const random = new Random(5)
  const embedding = random.normals(tokens.length * WIDTH, 1 / Math.sqrt(WIDTH))
  const output = new Float32Array(tokens.length * WIDTH)
  const scale = CERTAIN / Math.sqrt(WIDTH)
  for (const [id, before] of after)
    for (const one of before) {
      const row = embedding.subarray(one * WIDTH, (one + 1) * WIDTH)
      const norm = Math.hypot(...row)
      for (let i = 0; i < WIDTH; i++) output[id * WIDTH + i]! += (row[i]! / norm) * scale
    }
  const tensors: Tensor[] = []
  const add = (tensor: string, shape: number[], data: Float32Array) =>
    tensors.push({ name: `${tensor}.weight`, shape, type: 'f32', data })
  const zeros = (tensor: string, columns: number, rows: number) =>
    add(tensor, [columns, rows], new Float32Array(columns * rows))
  const ones = (tensor: string) => add(tensor, [WIDTH], new Float32Array(WIDTH).fill(1))
  add('token_embd', [WIDTH, tokens.length], embedding)
  ones('output_norm')
  add('output', [WIDTH, tokens.length], output)
  for (const norm of ['attn_norm', 'ffn_norm']) ones(`blk.0.${norm}`)
  for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_output'])
    zeros(`blk.0.${part}`, WIDTH, WIDTH)
  for (const part of ['ffn_gate', 'ffn_up']) zeros(`blk.0.${part}`, WIDTH, 32)
  zeros('blk.0.ffn_down', 32, WIDTH)
  return encodeGguf(
    {
      'general.architecture': str('llama'),
      'general.name': str(name),
      'general.file_type': u32(0),
      'llama.block_count': u32(1),
      'llama.context_length': u32(32_768),
      'llama.embedding_length': u32(WIDTH),
      'llama.feed_forward_length': u32(32),
      'llama.attention.head_count': u32(4),
      'llama.attention.head_count_kv': u32(4),
      'llama.attention.layer_norm_rms_epsilon': f32(1e-6),
      'llama.rope.dimension_count': u32(64),
      'llama.rope.freq_base': f32(10_000),
      'tokenizer.ggml.model': str('gpt2'),
      'tokenizer.ggml.pre': str('llama-bpe'),
      'tokenizer.ggml.tokens': array('string', [...tokens]),
      'tokenizer.ggml.token_type': array(
        'i32',
        tokens.map((token, id) => (id === end || marks.includes(token) ? CONTROL : NORMAL)),
      ),
      'tokenizer.ggml.merges': array('string', ['t h']),
      'tokenizer.ggml.eos_token_id': u32(end),
      'tokenizer.ggml.add_bos_token': bool(false),
      ...(template !== undefined && { 'tokenizer.chat_template': str(template) }),
    },
    tensors,
  )
}
