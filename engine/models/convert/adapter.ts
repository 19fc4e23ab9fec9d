/**
 * Recognises PEFT adapters (LoRA and others): folders that hold changes to a model instead of a
 * model. Source: PEFT's `save_pretrained` and `get_peft_model_state_dict`.
 */
import { type BraidError, fail } from '../../protocol/errors.ts'
import { readJson, TEXT_LIMITS } from './files.ts'

const CONFIG = 'adapter_config.json'
export const ADAPTER_FILE = /^adapter_model\b/

export const adapterError = (what: string, rest = '') =>
  fail('wrong-model/file', {
    reason: `This model cannot be converted: ${what}. An adapter holds changes to a model, not a model. Merge it into its base model (merge_and_unload() and save_pretrained() in PEFT), and convert the merged folder.${rest}`,
  })

/** Refuses a folder with an adapter_config.json. Throws `wrong-model`. */
export async function refuseAdapter(folder: string, hasModel: boolean): Promise<void> {
  const config = await readJson(folder, CONFIG, TEXT_LIMITS.config).catch(
    (error: BraidError): Record<string, unknown> => {
      if (error.code !== 'bad-model') throw error
      return {}
    },
  )
  if (config === undefined) return
  const { peft_type: type, base_model_name_or_path: base } = config
  const kind = typeof type === 'string' ? ` (${type.slice(0, 40)})` : ''
  const of = typeof base === 'string' && base !== '' ? ` for ${base.slice(0, 200)}` : ''
  throw adapterError(
    `its ${CONFIG} says that it is a PEFT adapter${kind}${of}`,
    hasModel ? ` To convert the folder's own model without it, remove ${CONFIG}.` : '',
  )
}

/** Refuses tensors that only an adapter has. Throws `wrong-model`. */
export function refuseAdapterTensors(names: Iterable<string>): void {
  for (const name of names)
    if (/^base_model\.model\.|\.(lora_|ia3_|modules_to_save\.)/.test(name))
      throw adapterError(
        `its tensor ${JSON.stringify(name.slice(0, 120))} belongs to a PEFT adapter`,
      )
}
