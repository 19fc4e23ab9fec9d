import type { Client } from '../protocol/client.ts'
import { strategiesFor, ruleOf } from '../protocol/shapes.ts'
import { resolveSettings } from '../protocol/settings.ts'
import type { ModelInfo } from '../protocol/wire.ts'
import { ApiError } from './errors.ts'
import { splitName, wayName, type Way } from './names.ts'

/** A model under the name that clients use. */
export interface Named {
  name: string
  file: string
}

/** An entry of `GET /v1/models`. */
export interface ModelObject {
  id: string
  object: 'model'
  created: number
  owned_by: 'braid'
}

/** The models of Braid's list, by names made from their files: clients cannot name other files. */
export class ModelNames {
  readonly #client: Client
  #models: Promise<Named[]> | undefined
  readonly #infos = new Map<string, Promise<ModelInfo>>()

  constructor(client: Client) {
    this.#client = client
    client.onPush((push) => {
      if (push.kind !== 'changed' || push.what !== 'models') return
      this.#models = undefined
      this.#infos.clear()
    })
  }

  /** Returns the model and the way that a name asks for. Throws 404 for a model that is not listed. */
  async find(text: string): Promise<Named & { way?: Way }> {
    const { name, way } = splitName(text)
    const models = await this.#list()
    const model = models.find((one) => one.name === name) ?? models.find((one) => same(one, name))
    if (model === undefined)
      throw new ApiError(
        404,
        `The model '${name}' is not on Braid's list. It has: ${models.map((one) => one.name).join(', ') || 'none'}.`,
        { param: 'model', code: 'model_not_found' },
      )
    return { ...model, ...(way !== undefined && { way }) }
  }

  /** Returns every model, first as it is and then with each strategy that it can follow. */
  async objects(): Promise<ModelObject[]> {
    const models = await this.#list()
    return (await Promise.all(models.map((model) => this.#objectsOf(model)))).flat()
  }

  /** Returns what a model's file says about itself. Errors: those of `models.info`. */
  info(file: string): Promise<ModelInfo> {
    const known = this.#infos.get(file)
    if (known !== undefined) return known
    const info = this.#client.call('models.info', { file })
    this.#infos.set(file, info)
    info.catch(() => this.#infos.delete(file))
    return info
  }

  async #objectsOf({ name, file }: Named): Promise<ModelObject[]> {
    const info = await this.info(file).catch(() => null)
    const ways = info === null ? [] : waysFor(info)
    return [name, ...ways.map((way) => `${name}:${wayName(way)}`)].map((id) => ({
      id,
      object: 'model',
      created: 0,
      owned_by: 'braid',
    }))
  }

  #list(): Promise<Named[]> {
    const listed = (this.#models ??= this.#client.call('models.list', {}).then((entries) => {
      const taken = new Set<string>()
      return entries
        .filter(({ present }) => present)
        .map(({ file }) => ({ file, name: freeName(baseOf(file), taken) }))
    }))
    listed.catch(() => (this.#models = undefined))
    return listed
  }
}

/** Returns the ways to think that the list of models shows; others work as well. */
function waysFor({ nativePaths, forks }: ModelInfo): Way[] {
  return strategiesFor(forks !== undefined)
    .filter((strategy) => strategy !== 'sequential')
    .map((strategy) => {
      const { paths } = resolveSettings({ strategy }, { metadata: {}, nativePaths, forks })
      return ruleOf(strategy).paths ? { strategy, paths } : { strategy }
    })
}

const baseOf = (file: string): string => file.replace(/^.*[/\\]/, '').replace(/\.gguf$/i, '')

const same = ({ name }: Named, asked: string): boolean =>
  name.toLowerCase() === asked.toLowerCase().replace(/\.gguf$/, '')

/** Returns a name that no model before has. */
function freeName(base: string, taken: Set<string>): string {
  let name = base
  for (let i = 2; taken.has(name); i++) name = `${base}-${i}`
  taken.add(name)
  return name
}
