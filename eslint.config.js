import tseslint from 'typescript-eslint'

/** Arrows between rooms point one way: a pattern that a room must not import, and why. */
const no = (message, ...group) => ({ group, message })
const direction = (files, ...patterns) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns }] },
})

const NODE = no(
  'engine/protocol runs in Node and in the page: no Node, no DOM, no native code.',
  'node:*',
  'fs',
  'path',
  'os',
  'crypto',
  'child_process',
  'electron',
  'ws',
)
const SHELL = no(
  'The engine knows no shell and no user interface.',
  'electron',
  'electron/*',
  '**/electron/**',
  '**/renderer/**',
  'react',
  'react-dom',
  'react-dom/*',
  'react/*',
)

export default tseslint.config(
  {
    ignores: [
      'node_modules',
      'dist',
      'build',
      'release',
      'test-results',
      'training',
      'models',
      '.cache',
      'renderer/public',
    ],
  },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', prefer: 'type-imports' },
      ],
      eqeqeq: 'error',
    },
  },
  direction(['engine/**/*.ts'], SHELL),
  direction(
    ['engine/protocol/**/*.ts'],
    NODE,
    no(
      'engine/protocol imports nothing of the rest of Braid.',
      '../*',
      '!../request.ts',
      '!../run-state.ts',
      '!../segments.ts',
      '**/engine/!(protocol)/**',
    ),
  ),
  direction(
    ['engine/native/**/*.ts'],
    SHELL,
    no(
      'The native surface stands under everything but the protocol.',
      '**/think/**',
      '**/transcripts/**',
      '**/host*',
      '**/cli*',
      '**/lab/**',
    ),
  ),
  direction(
    [
      'engine/think/**/*.ts',
      'engine/models/**/*.ts',
      'engine/transcripts/**/*.ts',
      'engine/files/**/*.ts',
    ],
    SHELL,
    no(
      'Hosts import the engine, not the other way round.',
      '**/host.ts',
      '**/host/**',
      '**/host-main.ts',
      '**/supervisor.ts',
      '**/serve.ts',
      '**/cli.ts',
      '**/cli/**',
    ),
  ),
  direction(
    ['renderer/**/*.{ts,tsx}'],
    no(
      'The page imports engine/protocol and nothing else of engine/ or electron/.',
      '**/engine/*',
      '!**/engine/protocol',
      '**/engine/!(protocol)/**',
      '**/electron/**',
      'electron',
      'node:*',
      'ws',
      'commander',
      'node-llama-cpp',
    ),
  ),
  direction(
    ['electron/**/*.ts'],
    no(
      'The shell has no reasoning logic: it starts the host and shows the page.',
      '**/engine/think/**',
      '**/engine/native/**',
      '**/renderer/**',
    ),
  ),
)
