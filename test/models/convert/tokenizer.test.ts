import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { convert } from '../../../engine/models/convert/convert.ts'
import { loadAddon } from '../../../engine/native/load.ts'
import { encodeSafetensors, writeHfFolder } from './hf-folder.ts'
import { REAL_TOKENIZERS, realTokenizer, vocabularyFolder } from './real-tokenizers.ts'
import { hashIds, strings } from './strings.ts'

const vocabularies = await vocabularyFolder()
const folder = mkdtempSync(join(tmpdir(), 'braid-tokenizer-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Width of the model: the smallest width of one head. */
const WIDTH = 2

describe.skipIf(!vocabularies)(
  'a converted tokenizer agrees with Hugging Face on 10,000 texts',
  () => {
    it.each(REAL_TOKENIZERS)('%s', async (name) => {
      const real = await realTokenizer(name, vocabularies!)
      const hf = writeHfFolder(
        {
          architecture: real.architecture,
          layers: 1,
          heads: 1,
          kvHeads: 1,
          headDim: WIDTH,
          width: WIDTH,
          ff: 2,
          tied: true,
          tokenizer: real.tokenizer,
          tokenizerConfig: real.tokenizerConfig,
          config: { vocab_size: real.vocabulary },
        },
        mkdtempSync(join(folder, 'hf-')),
      )
      const tensors = [...hf.tensors.values()].map(({ name: tensor, shape }) => {
        const sizes = tensor === 'model.embed_tokens.weight' ? [real.vocabulary, WIDTH] : shape
        return {
          name: tensor,
          dtype: 'F32',
          shape: sizes,
          bytes: Buffer.alloc(sizes.reduce((a, b) => a * b, 4)),
        }
      })
      writeFileSync(join(hf.folder, 'model.safetensors'), encodeSafetensors(tensors))
      const file = join(folder, `${name}.gguf`)
      expect(await convert({ folder: hf.folder, output: file, type: 'f32' })).toMatchObject({
        tokenizer: real.pre,
      })

      const model = await loadAddon({ gpu: false }).openModel({
        path: file,
        device: 'cpu',
        gpuLayers: 0,
      }).done
      const golden = readFileSync(join(import.meta.dirname, 'golden', `${name}.bin`))
      const texts = strings(10_000, real.control)
      expect(golden.length).toBe(4 * texts.length)
      const different = texts.filter((text, i) => {
        const ids = (special: boolean) => model.tokenize(text, { special, bos: false })
        return hashIds(ids(true), ids(false)) !== golden.readUInt32LE(i * 4)
      })
      expect(different.map((text) => JSON.stringify(text))).toEqual([])
      expect(model.info.addBos).toBe(name !== 'qwen3')
      await model.close()
    })
  },
)
