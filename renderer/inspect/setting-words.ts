import { ownEntry } from '../../engine/protocol/own.ts'
import type { MessageKey, t as translate } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { visible } from '../ui/visible.ts'
import type { SettingValue } from './compare-settings.ts'

const NAMES: Record<string, MessageKey> = {
  model: 'compose.model',
  strategy: 'compose.strategy',
  paths: 'compose.paths',
  runs: 'compose.runs',
  budget: 'compose.budget',
  finish: 'compose.finish',
  question: 'compose.question',
  rounds: 'compose.rounds',
  reads: 'compose.reads',
  judgements: 'compose.judgements',
  answerBy: 'compose.answerBy',
  refineInstruction: 'instruction.refine',
  stop: 'adv.stop',
  sure: 'adv.sure',
  wave: 'adv.wave',
  probeEvery: 'adv.probeEvery',
  patience: 'adv.patience',
  weight: 'adv.weight',
  confidence: 'compare.confidence',
  plainPrompt: 'compare.plainPrompt',
  summaryBudget: 'adv.summaryBudget',
  vote: 'adv.vote',
  system: 'adv.system',
  instruction: 'instruction.label',
  schema: 'compare.schema',
  seed: 'adv.seed',
  tail: 'adv.tail',
  alternatives: 'adv.alternatives',
  reuseTokens: 'adv.reuse',
  alone: 'adv.alone',
  joinThoughts: 'adv.joinThoughts',
  runPrograms: 'settings.programsOn',
  'templateVariables.enable_thinking': 'adv.thinking',
  'templateVariables.reasoning_effort': 'adv.effort',
  'sampling.temperature': 'adv.temperature',
  'sampling.repetitionPenalty': 'adv.repetition',
  'sampling.repetitionWindow': 'adv.window',
  'controls.thoughtEmbedding': 'adv.thought',
  'controls.sameToken': 'adv.sameToken',
  'controls.fusion': 'adv.fusion',
  'engine.device': 'adv.device',
  'engine.workers': 'adv.workers',
  'engine.gpuLayers': 'adv.gpuLayers',
  'engine.kvType': 'fit.kvType',
  'engine.flashAttention': 'adv.flash',
  'engine.threads': 'adv.threads',
  'engine.context': 'adv.context',
}
/** Names that are the same in every language. */
const SIGNS: Record<string, string> = {
  'sampling.topP': 'top-p',
  'sampling.topK': 'top-k',
  'sampling.minP': 'min-p',
}
/** Where the words of a setting's values are. */
const WORDS: Record<string, string> = {
  strategy: 'strategy',
  finish: 'finish',
  question: 'question',
  vote: 'vote',
  answerBy: 'answerBy',
  stop: 'stop',
  weight: 'weight',
  'controls.fusion': 'fusion',
  'engine.flashAttention': 'flash',
}

/** Returns the name of a setting as the composer has it; one that it does not know by its own name. */
export function settingName(key: string, t: typeof translate): string {
  const known = ownEntry(NAMES, key)
  return known === undefined ? (ownEntry(SIGNS, key) ?? key) : t(known)
}

/** Returns the value of a setting in words. */
export function settingWords(key: string, value: SettingValue, t: typeof translate): string {
  if (value === undefined) return '–'
  if (typeof value === 'boolean') return t(value ? 'flash.on' : 'flash.off')
  if (typeof value === 'number') return key === 'seed' ? String(value) : number(value)
  const group = ownEntry(WORDS, key)
  if (group === undefined) return visible(value).slice(0, 400)
  const word = t(`${group}.${value}` as MessageKey)
  return word === `${group}.${value}` ? value : word
}

const number = (value: number): string => (Number.isInteger(value) ? integer(value) : String(value))
