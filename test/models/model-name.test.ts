import { expect, test } from 'vitest'
import { modelName } from '../../engine/models/model-name.ts'

test.each([
  // The file, what `general.name` says, and the model's name.
  [
    'qwen2.5-coder-1.5b-instruct-q4_k_m',
    'Qwen2.5 Coder 1.5B Instruct GGUF',
    'Qwen2.5 Coder 1.5B Instruct',
  ],
  ['SmolLM2-135M-Instruct-Q8_0', 'Smollm2 135M 8k Lc100K Mix1 Ep2', 'SmolLM2 135M Instruct'],
  ['braid-numbers-q8_0', 'Braid Numbers', 'Braid Numbers'],
  ['Qwen3-4B-UD-Q4_K_XL', undefined, 'Qwen3 4B'],
  ['Meta-Llama-3.1-8B-Instruct.IQ4_XS', undefined, 'Meta Llama 3.1 8B Instruct'],
  ['big-7b-00001-of-00003', 'other', 'Big 7B'],
  ['模型-f16', 'x', '模型'],
  // The file's name says nothing.
  [`sha256-${'ab'.repeat(32)}`, 'Qwen3 8B', 'Qwen3 8B'],
  ['ggml-model-f16', 'My model', 'My model'],
  ['ggml-model-f16', undefined, 'ggml-model-f16'],
])('%s, which says %s, is %s', (stem, stated, name) => {
  expect(modelName(`/models/${stem}.gguf`, stated)).toBe(name)
})
