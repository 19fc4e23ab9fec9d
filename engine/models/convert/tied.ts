/**
 * Decides what the output layer is where the embeddings are tied, as transformers 5 does
 * (modeling_utils.py, `PreTrainedModel.tie_weights`).
 */
import { join } from 'node:path'
import { regularHandle } from '../../files/index.ts'
import type { Notice } from '../../protocol/wording.ts'
import type { ModelConfig } from './config.ts'
import { decode } from './numbers.ts'
import { readElements, sourceType, type SourceTensor } from './safetensors.ts'

const EMBEDDING = 'model.embed_tokens.weight'
const OUTPUT = 'lm_head.weight'
/** Elements per piece. */
const PIECE = 2 ** 20

export interface Tied {
  tied: boolean
  tensors: ReadonlyMap<string, SourceTensor>
  notice?: Notice
}

/**
 * Returns whether one matrix serves as embedding and output layer, and the tensors to convert. If
 * config.json ties them, the folder's one tensor serves both, whichever it is; two that differ are
 * both converted, and a notice says so. Throws `bad-model`, `wrong-model` or `io`.
 */
export async function tieEmbeddings(
  folder: string,
  config: ModelConfig,
  tensors: ReadonlyMap<string, SourceTensor>,
): Promise<Tied> {
  const [embedding, output] = [tensors.get(EMBEDDING), tensors.get(OUTPUT)]
  const tied = config.tied ?? output === undefined
  if (!tied || output === undefined) return { tied, tensors }
  if (embedding === undefined) {
    const rest = new Map(tensors)
    rest.delete(OUTPUT)
    return { tied, tensors: rest.set(EMBEDDING, output) }
  }
  if (await equal(folder, embedding, output)) return { tied, tensors }
  return {
    tied: false,
    tensors,
    notice: { code: 'convert-untied', params: { output: OUTPUT, embedding: EMBEDDING } },
  }
}

/** Returns whether two tensors have the same shape and values. */
async function equal(folder: string, a: SourceTensor, b: SourceTensor): Promise<boolean> {
  if (a.shape.join() !== b.shape.join()) return false
  const files = await Promise.all([a, b].map(({ file }) => regularHandle(join(folder, file))))
  try {
    for (let start = 0; start < a.elements; start += PIECE) {
      const count = Math.min(PIECE, a.elements - start)
      const [left, right] = await Promise.all(
        [a, b].map((tensor, i) => readElements(files[i]!, tensor, start, count)),
      )
      if (a.dtype === b.dtype && Buffer.compare(left!, right!) === 0) continue
      const [x, y] = [decode(sourceType(a), left!, a.name), decode(sourceType(b), right!, b.name)]
      if (x.some((value, i) => value !== y[i])) return false
    }
    return true
  } finally {
    for (const file of files) await file.close()
  }
}
