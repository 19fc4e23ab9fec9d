export { extractAnswer, jsonAnswer, lastNumber } from './answer.ts'
export { LETTERS, nameOf, type Option } from './options.ts'
export { findControlTokens, RELEASED_PREFIX, type ControlTokens } from './control.ts'
export { childTokens, forkMarks } from './forks.ts'
export { wordsLength, type Asking } from './frame.ts'
export {
  cutToFit,
  joinSource,
  rereadSource,
  rereadTexts,
  type FusionModel,
  type JoinRequest,
  type RereadRequest,
} from './fusion.ts'
export {
  buildPrompt,
  runPrompt,
  type Prompt,
  type PromptModel,
  type PromptRequest,
  type Turn,
} from './prompt.ts'
export {
  attemptsOf,
  closesThought,
  closingMarkersIn,
  findThoughtMarks,
  markersOf,
  piecesOf,
  mayThink,
  type Attempt,
  type ThoughtMarks,
} from './thought.ts'
export { renderTemplate, type Message } from './template.ts'
export { promptTokenizer, type PromptTokenizer } from './tokenizer.ts'
export { unread, variablesIn } from './variables.ts'
