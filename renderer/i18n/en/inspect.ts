/** Tokens and comparisons. Plurals follow i18next: `_one`, `_other`. */
export const inspect = {
  'inspect.title': 'Tokens',
  'inspect.back': 'Run',
  'inspect.which': 'Path or summary',
  'inspect.tokens': 'Tokens of {{name}}',
  'inspect.detail': 'Token',
  'inspect.token': 'Token {{index}}',
  'inspect.empty': 'No tokens yet.',
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
  'inspect.members': 'Probability in each path',
  'inspect.member': 'Path',
  'inspect.fork': 'Branch',
  'inspect.forced': 'Set by the engine, not sampled.',
  'inspect.alternatives': 'Alternatives',
  'inspect.loading': 'Loading …',
  'inspect.noAlternatives':
    'None were recorded. Set “Alternatives per token” before you start a run.',
  'inspect.forkHere': 'Branch here: start a new path with this token',
  'inspect.forkWith': 'Branch with {{text}}',
  'inspect.siblings': 'Same prefix:',
  'inspect.keys':
    'Arrow keys: token, path. Shift+arrow keys: paths with the same prefix. Enter: alternatives.',

  'attr.title': 'Which paths the answer used',
  'attr.what':
    'Which path did the answer come from? Braid reads the tokens of the run again, in a separate context with flash attention off, and averages the attention over all layers and heads.',
  'attr.read': 'Analyse attention',
  'attr.again': 'Try again',
  'attr.reading': 'Reading the run again …',
  'attr.cancelling': 'Cancelling …',
  'attr.scope': 'Part of the summary',
  'attr.all': 'Whole summary',
  'attr.answer': 'Answer only',
  'attr.row':
    'Path {{path}}, {{tokens}} tokens: {{share}} of the attention, {{here}} at token {{index}}. Show in the text',
  'attr.rest': 'The rest goes to the prompt ({{prompt}}) and to the summary itself ({{own}}).',
  'attr.how':
    'Upper bar: average over the tokens. Lower bar: token {{index}}, the one under the pointer or cursor. A long path has more to attend to.',

  'compare.which': 'Paths to compare',
  'compare.two': 'Choose two or more paths.',
  'compare.noParting': 'One path is a prefix of the other.',
  'compare.parting': 'Diverge at token {{at}}:',
  'compare.inspect': 'Inspect token {{at}}',
  'compare.equal_one': '{{count}} setting is equal',
  'compare.equal_other': '{{count}} settings are equal',
  'compare.differs': 'differs',
  'compare.confidence': 'Record confidence',
  'compare.apart': 'Nothing in common from here on.',
  'compare.runs': 'Runs side by side',
} as const
