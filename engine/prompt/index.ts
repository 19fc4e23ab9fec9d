export { extractAnswer } from './answer.ts'
export { findControlTokens, RELEASED_PREFIX, type ControlTokens } from './control.ts'
export { cutToFit, rereadSource, type FusionModel, type RereadRequest } from './fusion.ts'
export {
  buildPrompt,
  plainTokenizer,
  promptTokens,
  type Prompt,
  type PromptModel,
  type PromptRequest,
  type Turn,
} from './prompt.ts'
export { renderTemplate, type Message } from './template.ts'
