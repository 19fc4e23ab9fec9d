/**
 * The English of errors about downloads, model files, conversions, experiments and files on the
 * disk; wording.ts has the others, and says how wordings work.
 */
export const MORE_ERRORS = {
  'bad-request/no-address': '{text} is not a valid address.',
  'bad-request/http-only':
    'Only http and https addresses without user name and password can be downloaded.',
  'bad-path/exists': '{file} already exists.',
  'bad-model/other-size': '{host} has a file of {size} bytes; expected {expected}.',
  'io/part-changed': '{file} was changed by another program. Try again.',
  'disk-full/download':
    '{missing} bytes are still to be downloaded, but only {free} are free in {folder}. Free some space and try again.',
  'cancelled/download': 'The download was cancelled.',
  'io/download-failed':
    '{reason} The download failed {tries} times. The partial file is kept, and the download can be resumed.',
  'bad-path/file-name': '{name} is not a valid file name.',
  'bad-path/same-name':
    '{file} is a different file with the same name. Move it away, or choose another folder.',
  'bad-request/no-repository': '{text} does not name a repository of the hub.',
  'bad-request/no-hub-model': '{text} does not name a model of the hub.',
  'bad-request/percent': 'The address holds {text}, which has an invalid %: write it as %25.',
  'io/hub-files': '{repo} holds too many files to list.',
  'wrong-model/hub-adapter':
    '{repo} is a PEFT adapter (LoRA): it holds changes to a model, not a model. Get a repository in which it is merged into its base model.',
  'io/hub-answer': 'The answer of the hub is not understood.',
  'io/unreachable': '{host} cannot be reached: {reason}',
  'io/no-access':
    '{host} refuses access ({status}): the model is gated or private. Accept its terms on its page and provide a token.',
  'model-not-found/no-such-page': '{host} has no {path}.',
  'io/status': '{host} answered {status}.',
  'io/redirect-invalid': '{host} redirects to an invalid address.',
  'io/redirects': '{host} redirects more than {most} times.',
  'io/answer-size': '{host} sent more than {most} bytes.',
  'io/answer-json': '{host} sent invalid JSON.',
  'bad-request/redirect-protocol': '{host} redirects to {protocol}, which is not followed.',
  'bad-request/redirect-unencrypted':
    '{host} redirects to an unencrypted address, which is not followed.',
  'bad-request/inner-address':
    'The download leads to {host}, an address of this machine or its network that was not asked for.',
  'bad-request/no-gguf-address':
    'An address must lead to a file that ends in .gguf, or to a repository of the hub.',
  'bad-request/proxy':
    'The proxy of the environment (https_proxy, http_proxy) cannot be used: its address must begin with http:// or https://.',
  'model-not-found/folder': 'The folder {folder} does not exist.',
  'bad-path/outside': '{file} is not in {folder}.',
  'model-not-found/not-listed': '{file} is not on the list.',
  'wrong-model/relink': '{file} is not the model {name}.',
  'io/model-list': 'The list of models ({file}) cannot be read: {reason}',
  'bad-request/model-in-use': 'A run is using this model. Stop it first.',
  'bad-path/convert-folder': 'The window converts models to {folder} only.',
  'unknown-device/probe-hangs': 'It did not answer within {seconds} s: its driver hangs.',
  'unknown-device/probe-ended': 'It ended when it was tested ({reason}).',
  'unknown-device/probe-driver':
    'It ended when it was tested ({reason}). A newer GPU driver will run it; the CUDA 12 build, with its own runtime, may run it, too.',
  'unknown-device/probe-answer': 'Its answer is not understood.',
  'unknown-device/probe-library': 'Its library could not be loaded: its driver is missing.',
  'unknown-device/probe-none': 'No usable device found.',
  'unknown-device/probe-wrong': '{device} does not compute as it should.',
  'bad-request/no-task': 'The task does not exist.',
  'bad-request/task-unfinished': 'The task is not finished. Cancel it instead.',
  'bad-model/no-file': '{file} is not a file.',
  'model-not-found/file': 'The file {file} does not exist.',
  'io/read': '{file} cannot be read: {reason}',
  'bad-model/file': '{reason}',
  'disk-full/doing':
    'The disk is full: {doing} failed. Free some space and try again; what was saved before is intact.',
  'no-such-run/no-file': '{doing} failed: the file is not there.',
  'bad-path/link': '{doing} failed: the file is a link.',
  'io/disk': '{doing} failed: {reason}',
  'bad-path/no-folder': '{doing} failed: {path} is not a folder.',
  'io/create-folder': '{doing} failed: {folder} cannot be created there.',
  'bad-request/locked': 'Another Braid process is working on {what}.',
  'bad-model/checksum':
    'The archive of {name} from the registry does not match the pinned checksum. It was deleted.',
  'bad-request/no-backend': 'No {backend} backend is available for this machine.',
  'cancelled/convert': 'The conversion was cancelled.',
  'bad-path/gguf-name': 'The name of the target must end in .gguf.',
  'bad-path/part-name': 'The target has the name of a part of a split model.',
  'bad-path/irregular': '{file} is not a regular file.',
  'bad-path/is-folder': '{file} is a folder.',
  'bad-path/parent': 'The folder {folder} does not exist.',
  'bad-model/changed': '{file} changed while it was being read. Try again.',
  'disk-full/quantise':
    'The disk became full while the model was being quantised. Free some space and try again.',
  'model-not-found/no-such-file': '{what}: there is no such file.',
  'io/file': '{what}: {reason}',
  'bad-model/long-file': '{name} has {size} bytes; at most {most} are read.',
  'bad-model/json': '{name} is not valid JSON: it is damaged or was not downloaded completely.',
  'bad-model/json-object': '{name} does not hold a JSON object.',
  'wrong-model/convert': 'This model cannot be converted: {reason}',
  'bad-request/settings-size': 'The settings are too large.',
  'model-not-found/choose': 'Choose a model first: this copy of Braid has no bundled model.',
  'engine-lost/loading':
    'The engine ended while loading {model} at startup. Loading at startup is now off.',
  'out-of-memory/loading':
    '{model} is not loaded at startup: its runs need {needed} bytes, but only {free} are free.',
  'bad-request/nothing-scored': 'None of these problems can be scored.',
  'bad-request/experiment-over': 'This experiment is over.',
  'bad-request/no-experiment': 'There is no experiment {id}.',
  'cancelled/experiment': 'The experiment was stopped.',
  'bad-request/set-file': '{file} is not a .jsonl or .json file.',
  'bad-request/attribution-live':
    'The run is still thinking. What its summary attended to can be read once the run is over.',
  'bad-request/still-thinking': 'The run is still thinking. Stop it first.',
  'bad-request/no-answer': 'Run {run} has no answer to follow up on.',
  'bad-request/api-off': 'The API is off, or needs no key.',
  'bad-request/already-reading': 'This is already being read.',
  'bad-request/run-exists': 'A run named {run} already exists.',
  'bad-request/of-experiment': 'This run belongs to an experiment: delete that one.',
  'bad-request/run-elsewhere': 'Another Braid process has this run open.',
  'no-such-run/trash': 'That run is no longer in the trash.',
  'bad-request/file-size': '{file} is larger than {most}.',
  'io/set': 'Cannot read {file}: {reason}',
  'bad-request/set-empty': '{file} holds no problems.',
  'bad-request/nothing-to-run': 'There is nothing to run.',
  'bad-request/set-line': '{where}: {reason}',
  'bad-request/set-json': '{where}: this is not valid JSON ({reason}).',
  'bad-combination/nothing-to-ablate':
    '{model} has no control tokens for parallel thinking: it has nothing to ablate.',
  'bad-combination/bank-trained':
    'This model was trained to think in parallel: its paths need each other and cannot be recorded alone. Choose another model, or use `braid eval`.',
  'wrong-model/bank':
    '{file} is not the model of this bank, {model}: its SHA-256 is {sha256}, not {wanted}.',
  'bad-request/bank-runs': 'Some runs failed ({count}). The first one is {run}: {reason}',
  'bad-request/bank-rule': '{file} was judged with `--answer {rule}`: give the same.',
  'bad-request/bank-outcomes': '{file} holds no outcomes of a bank: {reason}',
  'bad-request/no-bank': '{folder} holds no bank: it has no bank.json.',
  'bad-transcript/other-bank':
    '{run} in {folder} was recorded for another bank. Remove it from the folder.',
  'bad-request/bank-file': '{file} cannot be read: {reason}',
  'bad-request/bank-differs':
    '{folder} holds a bank that was recorded under other conditions (there ≠ here: {differs}). Choose another folder (--out).',
  'bad-request/bank-data':
    '{file} is not the data of the bank in {folder}: its SHA-256 is {sha256}, not {wanted}.',
  'bad-request/bank-elsewhere': 'Path banks are recorded with `braid bank` here.',
  'cancelled/lab': 'Stopped. What was made so far is kept: the same command continues from here.',
  'io/write': 'Cannot write {file}: {reason}',
  'bad-request/no-results': 'This experiment has no results yet.',
  'bad-request/result-file':
    '{file} is not the result file of an experiment. Choose another folder (--out).',
  'bad-request/results-differ':
    '{folder} holds results made under different conditions ({differs}). Choose another folder (--out).',
  'bad-request/result-line':
    '{file}, line {line}, is damaged. Remove that line or choose another folder (--out).',
  'bad-request/no-wrong-path':
    'No path alone went wrong with {least} tokens or more: ask for shorter prefixes (--prefixes), a larger budget (--budget) or more problems.',
  'engine-lost/process': 'The engine process ended ({reason}).',
  'bad-transcript/first': 'The first event is not run-started.',
  'bad-transcript/newer': 'The file was written by a newer Braid.',
  'bad-transcript/neither': 'The file is neither a transcript nor a JSON export of Braid.',
  'bad-transcript/import': 'The file cannot be imported: {reason}',
  'bad-transcript/empty': 'The file is empty.',
  'bad-transcript/line-length': 'Line {line} is damaged: it has more than {most} MiB.',
  'bad-transcript/line':
    'The file is neither a transcript nor a JSON export of Braid (line {line}).',
  'bad-request/no-usable': '{repo} has no model that Braid can use.',
  'bad-request/choose': 'Choose one of these: {names}.',
  'bad-transcript/file': '{reason}',
  'wrong-model/file': '{reason}',
  'model-not-found/files': '{reason}',
  'disk-full/short': '{reason}',
  'engine-lost/convert': '{reason}',
  'bad-path/run': '{reason}',
  'no-such-run/run': '{reason}',
} as const

/** What failed (`doing`), or what is locked (`what`): the English is its own code. */
export const TERMS = [
  'Beginning a bank',
  'Converting a transcript',
  'Copying a run',
  'Creating a folder',
  'Creating the data folder',
  'Creating the folder of a bank',
  'Creating the folder of an experiment',
  'Emptying the trash',
  'Looking for a file',
  'Looking for what is served',
  'Moving a run',
  'Noting what is served',
  'Opening a transcript',
  'Reading a transcript',
  'Saving',
  'Saving the API key',
  'Saving the list of models',
  'Saving the list of workers',
  'Saving the pairing code',
  'Starting a transcript',
  'Writing a deleted file again',
  'Writing a transcript',
  'the list of models',
  'the list of tasks',
  'this bank',
  'this experiment',
  'this run',
] as const
export type Term = (typeof TERMS)[number]
