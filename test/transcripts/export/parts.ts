/** Everything in a run that a reader of an export looks for. */
export const PARTS = [
  'What is 2 + 2?',
  'Two and two make',
  'I count on',
  ' five',
  '4 again',
  'cache',
  'reread',
  'ab'.repeat(32),
  'Tiny',
  'parallel',
  'seed 11',
  'seed 12',
  'Path 2 is too long to be read again in full: 3 tokens',
  'branched from path 1 after 4 tokens',
  'winner of a tie',
  'llama.cpp b1',
]
