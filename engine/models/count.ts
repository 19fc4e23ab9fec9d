import { readModelInfo } from './info.ts'
import type { NativeAddon, NativeModel } from '../native/index.ts'

/** Longer texts are counted in part, since tokenizing holds the thread. */
const MOST_CHARS = 200_000

/** Counts tokens with a model's own vocabulary, of which it keeps the one that was asked for last. */
export class TokenCounter {
  readonly #addon: () => Promise<NativeAddon>
  #last: { file: string; model: NativeModel } | undefined
  #before: Promise<unknown> = Promise.resolve()

  constructor(addon: () => Promise<NativeAddon>) {
    this.#addon = addon
  }

  /**
   * Returns how many tokens each text has; for one of more than 200,000 characters, an estimate from
   * its beginning. Errors: `model-not-found`, `bad-model`.
   */
  count(file: string, texts: readonly string[]): Promise<number[]> {
    // One after another: the model of one request is not closed under another.
    const counted = this.#before.then(() => this.#count(file, texts))
    this.#before = counted.catch(() => undefined)
    return counted
  }

  async #count(file: string, texts: readonly string[]): Promise<number[]> {
    const model = await this.#open(file)
    return texts.map((text) => {
      const part = text.slice(0, MOST_CHARS)
      const { length } = model.tokenize(part, { special: false, bos: false })
      return part === text ? length : Math.ceil((length * text.length) / part.length)
    })
  }

  async close(): Promise<void> {
    await this.#before
    await this.#forget()
  }

  async #forget(): Promise<void> {
    const last = this.#last
    this.#last = undefined
    await last?.model.close()
  }

  async #open(file: string): Promise<NativeModel> {
    if (this.#last?.file === file) return this.#last.model
    await this.#forget()
    await readModelInfo(file) // checks the file before native code sees it
    const addon = await this.#addon()
    const options = { path: file, device: 'cpu', gpuLayers: 0, vocabOnly: true }
    const model = await addon.openModel(options).done
    this.#last = { file, model }
    return model
  }
}
