/** Reads the headers of all safetensors files of a folder. */
import { fail } from '../../protocol/errors.ts'
import type { Notice } from '../../protocol/wording.ts'
import { ADAPTER_FILE, adapterError } from './adapter.ts'
import { isRecord, namesIn, readJson } from './files.ts'
import {
  bad,
  readSafetensors,
  SAFETENSORS_LIMITS,
  show,
  type SourceFile,
  type SourceTensor,
} from './safetensors.ts'

const WHOLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/

/**
 * Reads the headers of all tensors in a folder, by name: from `model.safetensors` if it exists, else
 * from the shards that the index names, as transformers does.
 */
export async function readSourceTensors(
  folder: string,
): Promise<{ files: SourceFile[]; tensors: Map<string, SourceTensor>; notice?: Notice }> {
  const present = await namesIn(folder)
  const whole = present.includes(WHOLE)
  const index = whole ? undefined : await readJson(folder, INDEX, 64 * 2 ** 20)
  const weightMap = index ? weightMapOf(index.weight_map) : undefined
  const names = weightMap
    ? [...new Set(weightMap.values())].sort()
    : [whole ? WHOLE : onlyFile(folder, present)]
  const files: SourceFile[] = []
  const tensors = new Map<string, SourceTensor>()
  for (const name of names) {
    const { source, tensors: found } = await readSafetensors(folder, name)
    files.push(source)
    for (const tensor of found) {
      const earlier = tensors.get(tensor.name)
      if (earlier) throw bad(name, `the tensor ${show(tensor.name)} is also in ${earlier.file}.`)
      tensors.set(tensor.name, tensor)
    }
  }
  for (const [name, file] of weightMap ?? []) {
    if (tensors.get(name)?.file !== file)
      throw bad(file, `the tensor ${show(name)}, which the index names, is not in it.`)
  }
  const ignored = whole && present.some((name) => name === INDEX || SHARD.test(name))
  return {
    files,
    tensors,
    ...(ignored && {
      notice: { code: 'convert-shards' as const, params: { file: WHOLE } },
    }),
  }
}

function weightMapOf(value: unknown): Map<string, string> {
  if (!isRecord(value)) throw bad(INDEX, 'it has no weight_map.')
  const entries = Object.entries(value)
  for (const [, name] of entries) {
    // Only a plain name is accepted, so that the index cannot point outside the folder.
    if (typeof name !== 'string' || !/^[\w][\w.-]{0,250}\.safetensors$/.test(name))
      throw bad(INDEX, `it names the file ${show(String(name))}.`)
  }
  if (new Set(entries.map(([, name]) => name)).size > SAFETENSORS_LIMITS.shards)
    throw bad(INDEX, `it names more than ${SAFETENSORS_LIMITS.shards} files.`)
  return new Map(entries as [string, string][])
}

function onlyFile(folder: string, names: readonly string[]): string {
  const found = names.filter((name) => name.endsWith('.safetensors') && !ADAPTER_FILE.test(name))
  if (found.length === 1) return found[0]!
  if (found.length > 1)
    throw fail('bad-model/file', {
      reason: `${folder} holds ${found.length} safetensors files, but no ${INDEX} that says how they fit together.`,
    })
  const adapter = names.find((name) => ADAPTER_FILE.test(name))
  if (adapter !== undefined) throw adapterError(`its only weights are ${adapter}, a PEFT adapter`)
  if (names.some((name) => /\.(bin|pth|pt)$/.test(name)))
    throw fail('bad-model/file', {
      reason: `${folder} holds only PyTorch files, which can run code when they are loaded. Get the model's safetensors files.`,
    })
  throw fail('model-not-found/files', { reason: `${folder} holds no safetensors files.` })
}
