/**
 * What a run says of itself in words: notices and errors travel as codes with parameters, and their readers word
 * them. The English wording stands here, for the command line and the exports; the page has one table per language.
 * `{name}` in a sentence is the parameter of that name.
 */

export type WordParams = Readonly<Record<string, string | number>>

export const NOTICES = {
  'gpu-memory': 'Only {layers} of {all} layers were put on {device}: its memory is short.',
  'template-fallback': '{reason} The problem is given as plain text.',
  'reread-fusion':
    'This model has no control tokens for parallel thinking: its paths are fused by reading their texts again in a fresh prompt.',
  'beyond-trained-context':
    'Prompt, path and summary may reach position {longest}; the model was trained for {positions}. Quality may suffer there.',
  'budget-cut':
    'The context of {context} cells cannot hold {paths} paths of {budget} tokens: if all of them think long, each gets about {share}.',
  'context-shrunk':
    'Memory is short: the context has {cells} cells instead of {wanted}. Paths that do not fit end early.',
  'path-cut': 'Path {path} does not fit: {removed} tokens from its middle are not read again.',
  'nothing-to-summarise': 'No path has text to summarise.',
  'some-to-summarise': '{without} of {groups} runs have no text to summarise.',
  scope: 'No answer was found. The model says of itself: {scope}',
} as const
export type NoticeCode = keyof typeof NOTICES

export interface Notice {
  code: NoticeCode
  params?: WordParams
}

export const ERRORS = {
  'bad-combination/encoder': 'Models with an encoder cannot run here: choose a decoder-only model.',
  'bad-combination/no-control-tokens':
    'This model has no control tokens to fuse paths from the cache with: choose re-reading.',
  'bad-request/ended-by-itself':
    'Path {path} came to an end by itself: branch it at an earlier token to have it think on.',
  'bad-request/empty-prompt': 'The problem has no token.',
  'bad-request/no-text': 'Path {path} has no text to go on from.',
  'bad-request/no-text-to-summarise': 'Path {path} has no text to summarise.',
  'bad-request/nothing-to-choose': 'No path that has ended gives an answer to choose.',
  'bad-request/nothing-to-summarise': 'No path has text to summarise yet.',
  'cancelled/run': 'Cancelled.',
  'cannot-join/memory':
    'The paths of this model cannot be fused from the cache ({memory} memory): choose re-reading.',
  'context-too-small/cells':
    'The problem ({prompt} tokens) with {paths} paths and the summary needs {least} cells at least, and the context has {context}.',
  'context-too-small/positions':
    'The problem takes {prompt} tokens, and this model reads {positions} at most.',
  'context-too-small/reread':
    'Re-reading {paths} paths needs room for {least} tokens beside the prompt and the summary, and {room} are left: a larger context, or fewer paths.',
  'disk-full/write': 'The disk is full. Free some space and try again.',
  'model-not-found/missing': 'There is no file {file}.',
  'model-not-found/none': 'No model is bundled with this Braid: name a GGUF file.',
  'model-not-found/unreadable': '{file} cannot be read: {reason}',
  'no-such-path/missing': 'There is no path {path}.',
  'no-such-path/dropped': 'Path {path} was dropped.',
  'no-such-path/member': 'There is no answer of {member} to choose.',
  'not-running/cancel': 'The run has ended: there is nothing to cancel.',
  'not-running/closed': 'The run is closed.',
  'not-running/path': 'Path {path} does not think: there is nothing to stop.',
  'not-running/stop': 'The run has ended: there is nothing to stop.',
  'out-of-memory/cells':
    'The KV cache of {cells} tokens needs {needed} GB, and {free} GB are free. Ask for fewer paths, a smaller budget or a smaller KV type.',
  'out-of-range/branch': 'Path {path} has {tokens} tokens: it cannot be branched at {at}.',
  'out-of-range/token': 'There is no token {token}: the vocabulary has {vocabulary}.',
  'too-many-paths/branch': 'A run holds {most} paths at most: drop one first.',
  'too-many-paths/context':
    '{groups} runs of {size} paths are more than one context can hold: {room} paths a run work.',
  'too-many-paths/groups': '{groups} runs are more than one context can hold: {room} work.',
  'too-many-paths/no-rows':
    'The thought tables of this model have no row for a path: turn the thought embedding off.',
  'too-many-paths/rows':
    'The thought tables of this model have rows for {rows} paths, not for {wanted}: ask for {most} at most, or turn the thought embedding off.',
  'too-many-paths/sequences': 'The context has no sequence left for another path.',
  'too-many-paths/trained':
    'This model was trained for {trained} paths, not for {wanted}: ask for {most} at most.',
  'too-many-paths/trained-reuse':
    'This model was trained for {trained} paths, not for {wanted}: ask for {most} at most, or reuse its control tokens (--reuse-tokens).',
  'wrong-model/server': 'The model of this run is on a server: it cannot go on here.',
  'wrong-model/header': '{file} is another model than the one this run was made with.',
} as const satisfies Record<`${string}/${string}`, string>
export type ErrorDetail = keyof typeof ERRORS

/** Returns the sentence with its parameters filled in. */
export function render(sentence: string, params: WordParams): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole))
}

/** Returns a sentence of a table. Codes come from files of others: `constructor` is none. */
export const sentenceOf = (
  table: Readonly<Record<string, string>>,
  code: string | undefined,
): string | undefined =>
  code !== undefined && Object.hasOwn(table, code) ? table[code] : undefined

interface Worded {
  code: string
  params?: WordParams | undefined
}

/** Returns a notice in English. One that this version does not know, or a first-format one, brings its own message. */
export function noticeText({ code, params = {} }: Worded): string {
  const sentence = sentenceOf(NOTICES, code)
  if (params.message !== undefined || sentence === undefined) return String(params.message ?? code)
  return render(sentence, params)
}
