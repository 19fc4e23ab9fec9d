import { z } from 'zod'
import {
  MAX_ALTERNATIVES,
  MAX_BUDGET,
  MAX_TURNS,
  RunSettings,
  TemplateVariables,
} from '../protocol/request.ts'

/**
 * The bodies of requests, as OpenAI's API defines them. Fields that are not listed are ignored. A
 * field of null is an absent one.
 */

/** Choices of one request, and prompts of one: each is a run. */
export const MAX_CHOICES = 64
const MAX_STOPS = 16

/** Body field `braid`: settings of the run, by the names that transcripts use. */
export const BraidFields = RunSettings.pick({
  strategy: true,
  paths: true,
  runs: true,
  rounds: true,
  reads: true,
  judgements: true,
  answerBy: true,
  budget: true,
  summaryBudget: true,
  finish: true,
  vote: true,
  tail: true,
  question: true,
  instruction: true,
  refineInstruction: true,
  joinThoughts: true,
  runPrograms: true,
  stop: true,
  sure: true,
  wave: true,
  probeEvery: true,
  patience: true,
  weight: true,
  templateVariables: true,
  alone: true,
})
  .extend({ fusion: RunSettings.shape.controls.shape.fusion })
  .partial()
  .strict()

const Text = z.string().min(1).max(1024)
const Common = z.object({
  model: z.string().min(1).max(4096),
  stream: z.boolean().optional(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).optional(),
  n: z.int().min(1).max(MAX_CHOICES).optional(),
  max_tokens: z.int().min(1).optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(-1).max(1_000_000).optional(),
  min_p: z.number().min(0).max(1).optional(),
  repetition_penalty: z.number().min(0.1).max(10).optional(),
  seed: z.int().optional(),
  stop: z
    .union([Text, z.array(Text).max(MAX_STOPS)], 'must be a text or a list of texts')
    .optional(),
  user: z.string().max(4096).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  logit_bias: z.record(z.string(), z.number()).optional(),
  braid: BraidFields.optional(),
})

const Part = z.looseObject({ type: z.string(), text: z.string().nullish() })
const Message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z
    .union([z.string(), z.array(Part).max(1024)], 'must be a text or a list of parts')
    .nullish(),
})
export type Message = z.output<typeof Message>

/** `json_object` may have a schema, too, as for llama-server. */
const ResponseFormat = z.object({
  type: z.enum(['text', 'json_object', 'json_schema']),
  json_schema: z.object({ schema: z.unknown().optional() }).optional(),
  schema: z.unknown().optional(),
})
export type ResponseFormat = z.output<typeof ResponseFormat>

export const ChatBody = Common.extend({
  messages: z
    .array(Message)
    .min(1)
    .max(2 * MAX_TURNS),
  max_completion_tokens: z.int().min(1).optional(),
  logprobs: z.boolean().optional(),
  top_logprobs: z.int().min(0).max(MAX_ALTERNATIVES).optional(),
  reasoning_effort: TemplateVariables.shape.reasoning_effort.optional(),
  chat_template_kwargs: TemplateVariables.optional(),
  response_format: ResponseFormat.optional(),
  tools: z.array(z.unknown()).optional(),
  tool_choice: z.unknown().optional(),
  functions: z.array(z.unknown()).optional(),
  function_call: z.unknown().optional(),
  modalities: z.array(z.string()).optional(),
})
export type ChatBody = z.output<typeof ChatBody>

export const CompletionBody = Common.extend({
  prompt: z.union(
    [z.string().min(1), z.array(z.string().min(1)).min(1).max(MAX_CHOICES)],
    'must be a text or a list of texts; token ids are not supported',
  ),
  logprobs: z.int().min(0).max(MAX_ALTERNATIVES).optional(),
  echo: z.literal(false, 'is not supported').optional(),
  suffix: z.literal('', 'is not supported').optional(),
  best_of: z.int().min(1).max(MAX_CHOICES).optional(),
})
export type CompletionBody = z.output<typeof CompletionBody>
export type Common = z.output<typeof Common>

/** Returns a number of tokens that a run may have. */
export const budgetOf = (tokens: number, most: number): number =>
  Math.min(tokens, most > 0 ? most : MAX_BUDGET, MAX_BUDGET)
