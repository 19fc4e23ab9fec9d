/** Files with nothing but a vocabulary: enough to tokenize, once opened with `vocabOnly`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAddon } from '../../engine/native/load.ts'
import type { NativeModel } from '../../engine/native/types.ts'
import { findThoughtMarks, promptTokenizer, type PromptModel } from '../../engine/prompt/index.ts'
import { array, bool, encodeGguf, str, u32, type Metadata } from './gguf-writer.ts'

export interface VocabularyFile {
  /** Byte-level BPE; SentencePiece with and without a space in front of each text. */
  kind: 'bpe' | 'spm' | 'spm-bare'
  tokens: readonly string[]
  /** Merges of a BPE tokenizer. */
  merges?: readonly string[]
  /** Scores of a SentencePiece model; its tokens begin with the unknown one and the 256 bytes. */
  scores?: readonly number[]
  /** Control tokens, BOS and EOS first, and user-defined ones: behind the others. */
  control: readonly string[]
  defined: readonly string[]
  addBos: boolean
  template: string
  scope?: string
}

/** llama.h, LLAMA_TOKEN_TYPE_* */
const [NORMAL, UNKNOWN, CONTROL, DEFINED, BYTE] = [1, 2, 3, 4, 6]

function metadataOf(file: VocabularyFile): Metadata {
  const { kind, tokens, control, defined } = file
  const spm = kind !== 'bpe'
  const ordinary = (_: string, i: number) => (!spm || i > 256 ? NORMAL : i === 0 ? UNKNOWN : BYTE)
  return {
    'general.architecture': str('llama'),
    'llama.context_length': u32(4096),
    ...(file.scope !== undefined && { 'parathinker.scope': str(file.scope) }),
    'tokenizer.ggml.model': str(spm ? 'llama' : 'gpt2'),
    'tokenizer.ggml.tokens': array('string', [...tokens, ...control, ...defined]),
    'tokenizer.ggml.token_type': array('i32', [
      ...tokens.map(ordinary),
      ...control.map(() => CONTROL),
      ...defined.map(() => DEFINED),
    ]),
    'tokenizer.ggml.bos_token_id': u32(tokens.length),
    'tokenizer.ggml.eos_token_id': u32(tokens.length + 1),
    'tokenizer.ggml.add_bos_token': bool(file.addBos),
    'tokenizer.chat_template': str(file.template),
    ...(spm
      ? {
          'tokenizer.ggml.scores': array('f32', [
            ...file.scores!,
            ...[...control, ...defined].map(() => 0),
          ]),
          'tokenizer.ggml.unknown_token_id': u32(0),
          'tokenizer.ggml.add_space_prefix': bool(kind === 'spm'),
        }
      : {
          'tokenizer.ggml.pre': str('qwen2'),
          'tokenizer.ggml.merges': array('string', file.merges!),
        }),
  }
}

/** Opens a model's vocabulary for `buildPrompt`. */
export async function openVocabulary(
  file: VocabularyFile | string,
): Promise<PromptModel & { native: NativeModel }> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-vocabulary-'))
  const path = typeof file === 'string' ? file : join(folder, 'vocabulary.gguf')
  if (typeof file !== 'string') writeFileSync(path, encodeGguf(metadataOf(file), []))
  const native = await loadAddon({ gpu: false }).openModel({
    path,
    device: 'cpu',
    gpuLayers: 0,
    vocabOnly: true,
  }).done
  rmSync(folder, { recursive: true })
  return { native, thought: findThoughtMarks(native), ...promptTokenizer(native) }
}
