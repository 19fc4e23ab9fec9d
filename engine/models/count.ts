import { readModelInfo } from './info.ts'
import type { NativeAddon, NativeModel } from '../native/index.ts'

/** Longer texts are counted in part, since tokenizing holds the thread. */
const MOST_CHARS = 200_000

/** Counts tokens with a model's own vocabulary, of which it keeps the one that was asked for last. */
export class TokenCounter {
  readonly #addon: () => Promise<NativeAddon>
  #last: { file: string; model: Promise<NativeModel> } | undefined

  constructor(addon: () => Promise<NativeAddon>) {
    this.#addon = addon
  }

  /**
   * Returns how many tokens each text has; for one of more than 200,000 characters, an estimate from
   * its beginning. Errors: `model-not-found`, `bad-model`.
   */
  async count(file: string, texts: readonly string[]): Promise<number[]> {
    const model = await this.#open(file)
    return texts.map((text) => {
      const part = text.slice(0, MOST_CHARS)
      const { length } = model.tokenize(part, { special: false, bos: false })
      return part === text ? length : Math.ceil((length * text.length) / part.length)
    })
  }

  async close(): Promise<void> {
    const last = this.#last
    this.#last = undefined
    await (await last?.model.catch(() => undefined))?.close()
  }

  async #open(file: string): Promise<NativeModel> {
    if (this.#last?.file === file) return this.#last.model
    await this.close()
    const model = this.#vocabulary(file)
    const mine = (this.#last = { file, model })
    model.catch(() => {
      if (this.#last === mine) this.#last = undefined
    })
    return model
  }

  async #vocabulary(file: string): Promise<NativeModel> {
    await readModelInfo(file) // checks the file before native code sees it
    const addon = await this.#addon()
    return addon.openModel({ path: file, device: 'cpu', gpuLayers: 0, vocabOnly: true }).done
  }
}
