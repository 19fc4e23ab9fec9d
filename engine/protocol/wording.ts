import { ownEntry } from './own.ts'

/**
 * The wording of notices, errors and reasons, which travel as codes with parameters and are worded
 * by their readers. The English tables are here, for the command line and the exports; the page has
 * a table per other language. `{name}` in a sentence is the parameter of that name.
 */

import { MORE_ERRORS } from './wording-more.ts'

export type WordParams = Readonly<Record<string, string | number>>

export const NOTICES = {
  'gpu-memory':
    '{device} does not have enough memory for the whole model: only {layers} of {all} layers run on it.',
  'workers-missing': '{reason} The run goes on without workers, on this machine alone.',
  'template-variable':
    "The model's chat template does not read {name}, so the setting has no effect.",
  'convert-no-template':
    'The folder has no chat template: prompts are given to the model as plain text, which suits base models. For a chat model, put its template into the folder as chat_template.jinja and convert again.',
  'convert-templates':
    'The chat templates of the folder are named {names}, and none is the default: prompts are given to the model as plain text, which suits base models. For a chat model, put its template into the folder as chat_template.jinja and convert again.',
  'convert-shards': '{file} was converted; the shards beside it were not used, as in transformers.',
  'convert-untied':
    'config.json says tie_word_embeddings, but {output} differs from {embedding}. Both were converted and are not tied, as in transformers 5.',
  'convert-end':
    '{token} ends a generation in transformers, but a GGUF has no more room for such tokens; it does not end one here.',
  'template-fallback': '{reason} The problem is sent as plain text.',
  'reread-fusion':
    'This model was not trained to think in parallel. Braid samples several paths, and asks the model to merge them if a summary is needed: check it against the paths.',
  'cache-fusion':
    'This model was not trained to think in parallel. Braid samples several paths, and the model merges them from its cache if a summary is needed: check it against the paths.',
  'beyond-trained-context':
    'Prompt, path and summary can reach position {longest}, but the model was trained for {positions}. Quality may drop beyond that.',
  'budget-cut':
    'The context of {context} cells cannot hold {paths} paths of {budget} tokens. If every path thinks long, each gets about {share} tokens.',
  'context-shrunk':
    'Memory is short: the context has {cells} cells instead of {wanted}. Paths that do not fit end early.',
  'threads-fewer':
    'Other programs use the processor, so Braid thinks with fewer threads while they do. Threads left: {threads}.',
  'processor-crowded':
    'Other programs use the processor, which slows this run down far more than their share. It keeps its {threads} threads; with fewer of them it may be much faster.',
  'path-cut':
    'Path {path} is too long to be read again in full: {removed} tokens in its middle are left out.',
  'path-waits': 'Path {path} waits until other paths or runs free enough of the context.',
  'path-shortened':
    'Path {path} is too long to be merged in full: {removed} tokens at its beginning are left out.',
  'thoughts-open':
    'No path finished its thought, so the summary reads the last {tail} tokens of each.',
  'stopped-decided':
    'Stopped after {paths} of {of} paths: {sure} % sure of the answer; about {saved} % of the tokens saved.',
  'stopped-stable':
    'Stopped after {tokens} tokens per path: {agree} of {asked} paths keep giving the same answer; at most {saved} % of the tokens saved.',
  'path-deviates':
    'Path {path} was dropped: asked on the way, it kept disagreeing with most paths.',
  'stopped-first':
    'Stopped after the first {paths} of {of} paths; the others had written {cut} tokens and take no part in the vote.',
  'fork-unread': 'Path {path} wrote a plan without numbered entries, so it goes on without a fork.',
  'fork-wide': 'The plan of path {path} has too many entries, so it goes on without a fork.',
  'fork-deep': 'The plan of path {path} is within too many others, so it goes on without a fork.',
  'fork-room':
    'There is too little room behind the plan of path {path}, so it goes on without a fork.',
  'nothing-to-summarise': 'No path has text to summarise.',
  'nothing-to-count':
    'This question has no single value, so there is nothing to count. Merge the paths to get one answer.',
  'nothing-to-count-first':
    'This question has no single value, so there is nothing to count: the first summary is the answer. Merge all paths to get one from all of them.',
  'judges-silent':
    '{silent} of {of} judges named neither answer as the better one; they count for nobody.',
  'some-to-summarise': '{without} of {groups} groups have no text to summarise.',
  'programs-off': 'Running programs is switched off, so what they return is not compared.',
  /** `reason` is a code of `REASONS`, with its `name`. */
  'programs-none': 'No attempt has a program that can run here ({reason}), so nothing is compared.',
  'programs-one':
    'Only one attempt has a program that runs, so there is nothing to compare it with.',
  'programs-calls': 'No calls were found to run the programs on, so nothing is compared.',
  'programs-results': 'None of the programs returned anything, so nothing is compared.',
  'programs-failed': 'The programs could not be run: {reason}',
  scope: 'No answer found. About this model: {scope}',
  'transcript-restored':
    'The file of this run had vanished from {folder}. Braid has written it there again; nothing of the run is lost.',
} as const
export type NoticeCode = keyof typeof NOTICES

export interface Notice {
  code: NoticeCode
  params?: WordParams
}

export const ERRORS = {
  ...MORE_ERRORS,
  'bad-combination/encoder':
    'Models with an encoder are not supported. Choose a decoder-only model.',
  /** Only older transcripts have this one. */
  'bad-combination/no-control-tokens':
    'This model has no control tokens, so its paths cannot be merged from the cache. Choose re-reading.',
  'bad-model/incomplete': 'Incomplete file: {here} here, about {all} expected. Download it again.',
  'bad-combination/no-forks':
    'This model has no marks to fork its own text. Choose another strategy.',
  'bad-combination/reads':
    'A path of a later round cannot read {reads} paths of a round that has {paths}. Use at most {paths} (--reads).',
  'bad-path/relative': 'Enter the full path, e.g. /home/you/models/x.gguf.',
  'bad-request/ended-by-itself':
    'Path {path} finished on its own. To continue it, branch from an earlier token.',
  'bad-request/empty-prompt': 'The problem is empty. Enter some text.',
  'bad-request/no-text': 'Path {path} has no text to continue from.',
  'bad-request/no-text-to-summarise': 'Path {path} has no text to summarise.',
  'bad-request/of-rounds':
    'This summary reads paths that themselves begin with other paths. What such a summary attended to cannot be told yet.',
  'bad-request/merged':
    'A merged answer attends to no other text: each path writes it behind its own. The token view shows what each path gave every token.',
  'bad-request/nothing-to-choose': 'No finished path has an answer to choose.',
  'bad-request/nothing-to-count':
    'This question has no single value, so there is no vote. Change the kind of the question first.',
  'bad-request/nothing-to-compare': 'No path has text in which there could be a program.',
  'bad-request/not-code': 'Programs are compared only for questions that ask for code.',
  'bad-request/no-sandbox': 'Programs cannot be run here.',
  'bad-request/not-a-call': '{call} is not a call of {name} with values as arguments.',
  'bad-request/nothing-to-summarise': 'No path has text to summarise yet.',
  'bad-request/programs-off':
    'Running programs is turned off. Turn it on in Settings, under "Programs in answers".',
  'bad-request/programs-off-run':
    'This run was started without running programs: that was turned off, in Settings or by --no-run. Turn it on and start the run again.',
  'cancelled/run': 'Cancelled.',
  'cannot-join/memory':
    'The paths of this model ({memory} memory) cannot be merged from the cache. Choose re-reading.',
  'context-too-small/cells':
    'The problem ({prompt} tokens), {paths} paths and the summary need at least {least} cells, but the context has {context}. Use a larger context, fewer paths or a shorter problem.',
  'context-too-small/join':
    'Merging {paths} paths needs room for {least} tokens besides the prompt and the summary, but only {room} are left. Use a larger context or fewer paths.',
  'context-too-small/positions':
    'The problem has {prompt} tokens, but this model can read at most {positions}. Shorten the problem.',
  'context-too-small/reread':
    'Re-reading {paths} paths needs room for {least} tokens besides the prompt and the summary, but only {room} are left. Use a larger context or fewer paths.',
  'disk-full/write': 'The disk is full. Free some space and try again.',
  'model-not-found/missing': '{file} does not exist.',
  'model-not-found/none': 'This copy of Braid has no bundled model. Choose a GGUF file.',
  'model-not-found/unreadable': '{file} cannot be read: {reason}',
  'no-such-path/missing': 'Path {path} does not exist.',
  'bad-request/not-dropped': 'Path {path} was not dropped.',
  'no-such-path/dropped': 'Path {path} was dropped.',
  'no-such-path/program': '{member} has no program to choose.',
  'no-such-path/member': '{member} has no answer to choose.',
  'not-running/cancel': 'The run has already ended.',
  'not-running/closed': 'The run is closed.',
  'not-running/failed': 'The run failed before it began.',
  'not-running/not-begun': 'The run has not started yet.',
  'not-running/path': 'Path {path} is not thinking, so there is nothing to stop.',
  'not-running/stop': 'The run has already ended.',
  'out-of-memory/cells':
    'The KV cache for {cells} tokens needs {needed} GB, but only {free} GB are free. Use fewer paths, a smaller budget or a smaller KV cache type.',
  'out-of-range/export':
    'The export would be too large for one file. Export fewer runs at a time, or copy their transcripts from {folder}.',
  'out-of-range/transcript':
    'The transcript of {run} has {size} MB. At most {most} MB can be opened.',
  'out-of-range/summaries': 'A run can have at most {most} summaries. Start a new run for more.',
  'out-of-range/branch': 'Path {path} has {tokens} tokens and cannot be branched at {at}.',
  'out-of-range/token': 'Token {token} does not exist: the vocabulary has {vocabulary} tokens.',
  'too-many-paths/all':
    'A run can have at most {most} paths, including those that were dropped. Start a new run for more.',
  'too-many-paths/kept':
    'The branches of a run can keep at most {most} tokens of other paths, and those of this run already keep {kept}. Branch from an earlier token, or start a new run.',
  'too-many-paths/branch': 'A run can have at most {most} paths. Drop one first.',
  'too-many-paths/context':
    '{groups} groups of {size} paths do not fit into one context. Use at most {room} paths per group.',
  'too-many-paths/groups': '{groups} groups do not fit into one context. Use at most {room}.',
  'too-many-paths/no-rows':
    'The thought tables of this model have no rows for paths. Turn off the thought embedding.',
  'too-many-paths/rows':
    'The thought tables of this model have rows for {rows} paths, not {wanted}. Use at most {most}, or turn off the thought embedding.',
  'too-many-paths/sequences': 'The context has no free sequence for another path.',
  'too-many-paths/trained':
    'This model was trained for {trained} paths, not {wanted}. Use at most {most}.',
  'too-many-paths/trained-reuse':
    'This model was trained for {trained} paths, not {wanted}. Use at most {most}, or reuse its control tokens (--reuse-tokens).',
  'wrong-model/server':
    'The model of this run is on a server, which does not tell what its text attended to.',
  'wrong-model/header': '{file} is not the model that this run was made with.',
  'bad-combination/server-merge':
    'A merged answer is decoded from the mean of several paths, which no server can do. Choose another strategy.',
  'bad-combination/server-forks':
    'A model on a server cannot fork its own text. Choose another strategy.',
  'bad-combination/server-probes':
    'This server only answers chats, so its paths cannot be asked on the way. Let the vote end in another way.',
  'bad-combination/server-confidence':
    'This server does not report the 20 likeliest tokens, from which the confidence of a path is made. Choose another weight.',
  'bad-combination/server-setting':
    'This server only answers chats and does not take {name}. Leave it at its default.',
  'bad-combination/server-continue':
    'This server only answers chats, so a text cannot be continued or branched. That needs a server that takes ids of tokens, such as llama-server or vLLM.',
  'bad-combination/schema':
    'An answer in a JSON schema is not possible for a model that forks its own text, nor for a vote that asks its paths on the way. Choose another strategy, or let the vote end in another way.',
  'bad-combination/server-schema':
    'The server of this model cannot hold this text to a JSON schema. Leave the schema out, or choose a model in a file.',
  'bad-combination/server-device':
    "A model on a server runs on the server's own devices. Leave out {name}.",
  'cannot-join/server': 'The cells of a model on a server cannot be joined. Choose re-reading.',
  'context-too-small/server': 'The text is too long for the server: {reason}',
  'model-not-found/server': '{server} has no model {model}. It has: {models}',
  'template-failed/server': "The server's chat template changes, omits or repeats messages.",
  'bad-request/server-url':
    'Enter the address of a server, such as http://127.0.0.1:8080, without a user name, a password or a query.',
  'bad-request/server-key': '{server} refuses the key, or needs one. Check it.',
  'bad-request/worker-address':
    '{address} is not the address of a worker. Enter HOST:PORT, such as 192.168.1.20:7717.',
  'bad-request/worker-code':
    '{worker} refuses the pairing code. Check it; `braid worker` shows it on that machine when it makes one.',
  'bad-request/worker-code-form': 'A pairing code has five groups of five letters and digits.',
  'bad-request/worker-no-code':
    'This machine is not paired with the worker {worker}. Run the command in a terminal to enter the pairing code, or put it into BRAID_WORKER_CODE.',
  'bad-combination/worker-version':
    'The worker {worker} runs Braid {theirs} with llama.cpp {theirLlama}, and this is Braid {ours} with llama.cpp {ourLlama}. Install the same version of Braid on both machines.',
  'io/worker-unreachable':
    'The worker {worker} cannot be reached ({reason}). Check that `braid worker` runs there and that the address is right.',
  'io/worker-wrong': '{worker} does not answer like a worker of Braid: {reason}.',
  'io/worker-busy': 'The worker {worker} computes for too many others. Try again later.',
  'io/worker-failed': 'The worker {worker} cannot start its RPC server: {reason}',
  'native-missing/rpc': "The engine's part for workers cannot be loaded. Run `npm run setup`.",
  'engine-lost/worker':
    'The worker {worker} is gone ({reason}). What was written so far is kept; continue without the worker, or once it runs again.',
  'io/server-unreachable':
    '{server} cannot be reached ({reason}). Check that it runs and that the address is right.',
  'io/server-silent': '{server} sent nothing for {seconds} seconds.',
  'io/server-busy': '{server} has too many requests. Try again later, or use fewer paths.',
  'io/server-not-ready': '{server} is not ready: {reason}',
  'io/server-refused': '{server} refused the request (status {status}): {reason}',
  'io/server-redirects':
    '{server} leads to another address, which is not followed. Enter the address of the server itself.',
  'io/server-wrong':
    '{server} does not answer as it should: {reason}. Check that its address is that of an OpenAI-compatible server.',
  'io/server-cut-off': '{server} ended its answer in the middle.',
  'io/server-broke':
    'The connection to {server} broke. This server only answers chats, so the text cannot be continued.',
  'io/server-events': 'The server sent an event that is not JSON: {reason}',
  'io/server-line': 'The server sent a line of more than {megabytes} MB.',
} as const satisfies Record<`${string}/${string}`, string>
export type ErrorDetail = keyof typeof ERRORS

/**
 * Why a program is not run or compared, and what ended one of its calls. `{name}` is what the reason
 * is about: a function, a module, a number.
 */
export const REASONS = {
  'no-code': 'no code',
  'no-function': 'no function',
  'no-program': 'no function and no program that reads its input',
  'no-script': 'no whole program that reads its input',
  'no-interpreter': 'no interpreter for {name}',
  'not-defined': 'it does not define {name}',
  'other-language': 'it is in {name}, most are not',
  'too-long': 'The program or an input is too long.',
  lacks: 'The sandbox has no {name}.',
  'lacks-module': 'The sandbox has no module {name}.',
  'lacks-locales': 'The sandbox has no locales.',
  'lacks-files': 'It needs files, which the sandbox does not have.',
  'lacks-network': 'It needs the network, which the sandbox does not have.',
  'lacks-processes': 'It needs processes, which the sandbox does not have.',
  'lacks-threads': 'It needs threads, which the sandbox does not have.',
  'lacks-event-loop': 'It waits for an event loop, which the sandbox does not have.',
  'lacks-outside': 'It needs code outside of the interpreter, which the sandbox does not have.',
  slow: 'It took too long.',
  'no-time': 'No time was left.',
  crash: 'It crashes the interpreter.',
  recursion: 'It recurses too deeply.',
  prints: 'It prints more than {name} KB.',
  writes: 'It writes too much.',
  interferes: 'It interferes with its own run.',
  unreadable: 'Its result cannot be read.',
  unsettled: 'Its promise is never settled.',
  exits: 'It exits with code {name}.',
  'returns-function': 'It returns a function or a class.',
  'returns-object': 'It returns an object without a value to compare ({name}).',
  'returns-symbol': 'It returns a symbol.',
  'returns-promise': 'It returns a promise inside a value.',
  'returns-long': 'It returns a value of more than 64 KB.',
  'returns-items': 'It returns a value of more than {name} items.',
  'returns-deep': 'It returns a value that is nested too deeply.',
  /** A result: `name` is what the argument is then. */
  changes: 'changes its argument to {name}',
  ended: 'The sandbox was ended: {name}.',
} as const
export type ReasonCode = keyof typeof REASONS

/** The sentences of one language. */
export type Words = Readonly<
  Record<'notices' | 'errors' | 'reasons', Readonly<Record<string, string>>>
>
export const ENGLISH: Words = { notices: NOTICES, errors: ERRORS, reasons: REASONS }

/** Returns the sentence with its parameters filled in. */
export function render(sentence: string, params: WordParams): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole))
}

/** Returns the sentence for a code, which may come from a foreign file; undefined if there is none. */
export const sentenceOf = (
  table: Readonly<Record<string, string>>,
  code: string | undefined,
): string | undefined => (code === undefined ? undefined : ownEntry(table, code))

interface Worded {
  code: string
  params?: WordParams | undefined
}

/**
 * Returns a notice in the words of a language. One that is unknown, or one of format 1, has its own
 * message.
 */
export function noticeIn(words: Words, { code, params = {} }: Worded): string {
  const sentence = sentenceOf(words.notices, code)
  if (params.message !== undefined || sentence === undefined) return String(params.message ?? code)
  if (code !== 'programs-none') return render(sentence, params)
  const { reason, name } = params
  const said = { code: String(reason), ...(name !== undefined && { name: String(name) }) }
  return render(sentence, { reason: reasonIn(words, said) })
}

export const noticeText = (notice: Worded): string => noticeIn(ENGLISH, notice)

type Reason = { code: string; name?: string | undefined }

/** Returns a reason in the words of a language. An unknown one stays as it is. */
export function reasonIn(words: Words, { code, name }: Reason): string {
  const sentence = sentenceOf(words.reasons, code)
  if (sentence === undefined) return name === undefined ? code : `${code}: ${name}`
  return render(sentence, name === undefined ? {} : { name })
}

export const reasonText = (reason: Reason): string => reasonIn(ENGLISH, reason)
