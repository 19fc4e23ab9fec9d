/** Tokens and comparisons. Plurals follow i18next: `_one`, `_other`. */
export const inspect = {
  'inspect.title': 'Tokens',
  'inspect.back': 'Run',
  'inspect.which': 'Path or summary',
  'inspect.summary': 'Summary v{{version}}',
  'inspect.tokens': 'Tokens of {{name}}',
  'inspect.detail': 'Token',
  'inspect.token': 'Token {{index}}',
  'inspect.empty': 'No token yet.',
  'inspect.sure': 'sure',
  'inspect.unsure': 'unsure',
  'inspect.heat': 'Colour by',

  'heat.logprob': 'Logprob',
  'heat.entropy': 'Entropy',
  'heat.none': 'None',

  'inspect.whitespace': 'Whitespace',
  'inspect.probability': 'Probability',
  'inspect.logprob': 'Logprob',
  'inspect.entropy': 'Entropy',
  'inspect.text': 'Text',
  'inspect.fork': 'Fork',
  'inspect.forced': 'Set by the engine, not sampled.',
  'inspect.alternatives': 'Alternatives',
  'inspect.loading': 'Reading …',
  'inspect.noAlternatives': 'None were recorded. Set “Alternatives a token” before a run.',
  'inspect.forkHere': 'Fork here: a new path that goes on with this token',
  'inspect.forkWith': 'Fork with {{text}}',
  'inspect.siblings': 'Same beginning:',
  'inspect.keys':
    'Arrows: token, path; Shift+arrows: paths with the same beginning; Enter: alternatives.',

  'attr.title': 'What the summary attended to',
  'attr.what':
    'Which path did the answer come from? The tokens of the run are read again, in a context of their own with flash attention off, and the attention of every layer and head is added up.',
  'attr.read': 'Read again and tell',
  'attr.again': 'Try again',
  'attr.reading': 'Reading the run again …',
  'attr.cancelling': 'Cancelling …',
  'attr.scope': 'Tokens of the summary',
  'attr.all': 'Whole summary',
  'attr.answer': 'Its answer',
  'attr.row':
    'Path {{path}}, {{tokens}} tokens: {{share}} of the attention, {{here}} at token {{index}}. Show in the text',
  'attr.rest': 'The rest goes to the prompt ({{prompt}}) and to the summary itself ({{own}}).',
  'attr.how':
    'Upper bar: all tokens; lower bar: token {{index}}, the one under the pointer or cursor. Mean over layers and heads; a long path has more to attend to.',

  'compare.which': 'Paths to compare',
  'compare.two': 'Choose two or more paths.',
  'compare.noParting': 'One is the beginning of the other.',
  'compare.parting': 'Parts at token {{at}}:',
  'compare.inspect': 'Inspect token {{at}}',
  'compare.runs': 'Runs side by side',
} as const
