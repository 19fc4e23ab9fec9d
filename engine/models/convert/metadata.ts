/**
 * Builds the GGUF metadata of a converted model: stock keys, then the keys of docs/method.md, "The
 * GGUF contract".
 */
import type { Notice } from '../../protocol/wording.ts'
import type { ModelConfig } from './config.ts'
import { f32, str, u32, type Metadata } from './gguf-writer.ts'
import { ropeMetadata } from './rope.ts'
import type { Tokenizer } from './tokenizer.ts'

export interface Names {
  name: string
  licence?: string
}

/** Returns the metadata in file order. `fileType` is one of llama.h, LLAMA_FTYPE_*. */
export function modelMetadata(
  config: ModelConfig,
  tokenizer: Tokenizer,
  names: Names,
  fileType: number,
): Metadata {
  const key = (name: string) => `${config.architecture}.${name}`
  const released = isReleased(config, tokenizer)
  const template = chatTemplate(config, tokenizer)
  return [
    ['general.architecture', str(config.architecture)],
    ['general.type', str('model')],
    ['general.name', str(names.name)],
    ...(names.licence ? [['general.license', str(names.licence)] as Metadata[number]] : []),
    ['general.file_type', u32(fileType)],
    ['general.quantization_version', u32(2)],
    [key('block_count'), u32(config.layers)],
    [key('context_length'), u32(config.context)],
    [key('embedding_length'), u32(config.embedding)],
    [key('feed_forward_length'), u32(config.feedForward)],
    [key('attention.head_count'), u32(config.heads)],
    [key('attention.head_count_kv'), u32(config.kvHeads)],
    [key('attention.layer_norm_rms_epsilon'), f32(config.normEpsilon)],
    ...(config.explicitHeadDim
      ? ([
          [key('attention.key_length'), u32(config.headDim)],
          [key('attention.value_length'), u32(config.headDim)],
        ] as Metadata)
      : []),
    ...(config.architecture === 'llama'
      ? ([
          [key('vocab_size'), u32(config.vocabulary)],
          [key('rope.dimension_count'), u32(config.headDim)],
        ] as Metadata)
      : []),
    ...ropeMetadata(config),
    ...tokenizer.metadata,
    ...(template === undefined
      ? []
      : [['tokenizer.chat_template', str(template)] as Metadata[number]]),
    ...(released ? RELEASED_KEYS : []),
  ]
}

/** Returns the model's chat template; undefined if it has none. */
function chatTemplate(config: ModelConfig, tokenizer: Tokenizer): string | undefined {
  return tokenizer.chatTemplate ?? (isReleased(config, tokenizer) ? RELEASED_TEMPLATE : undefined)
}

/** Returns a notice if the model has no chat template. */
export function templateNotice(config: ModelConfig, tokenizer: Tokenizer): Notice | undefined {
  if ((chatTemplate(config, tokenizer) ?? '').trim() !== '') return undefined
  const { templateNames: names } = tokenizer
  return names === undefined
    ? { code: 'convert-no-template' }
    : { code: 'convert-templates', params: { names: names.join(', ') } }
}

/**
 * Returns whether this is a released ParaThinker model. Only those have `<vllm_pad>` beside the
 * control tokens.
 */
function isReleased({ architecture }: ModelConfig, { control }: Tokenizer): boolean {
  return (
    architecture === 'qwen2' &&
    ['<think1>', '</think1>', '<summary>', '</summary>', '<vllm_pad>'].every((text) =>
      control.has(text),
    )
  )
}

/**
 * Prompt template, YaRN settings and temperature of the release's example (model card of
 * Leslie04/ParaThinker-1.5B).
 */
const RELEASED_KEYS: Metadata = [
  [
    'parathinker.prompt_suffix',
    str(
      ' You FIRST think about the reasoning process as an internal monologue and then summarize the reasoning process to get the final answer. The summary process MUST BE enclosed within <summary> </summary> tags. The final answer MUST BE put in \\boxed{}.',
    ),
  ],
  [
    'parathinker.summary_prefix',
    str('By analyzing multiple reasoning processes above, I concluded that: The final answer is'),
  ],
  ['parathinker.rope_budget', u32(8192)],
  ['parathinker.rope_original_context', u32(9280)],
  ['parathinker.temperature', f32(0.5)],
  ['parathinker.scope', str('Problems of mathematics whose answer can be put in a box')],
]

/** Used if the folder has no chat template. */
const RELEASED_TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}" +
  "{% elif message['role'] == 'assistant' %}{{ '<｜Assistant｜>' + message['content'] + '<｜end▁of▁sentence｜>' }}" +
  "{% else %}{{ message['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜><think>' }}{% endif %}"
