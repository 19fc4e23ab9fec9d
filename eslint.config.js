import tseslint from 'typescript-eslint'
import rooms from './scripts/eslint-rooms.js'

/** Modules that a folder must not import, and why. Imports between folders: scripts/eslint-rooms.js. */
const no = (message, ...group) => ({ group, message })
const without = (files, ...patterns) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns }] },
})

const SHELL = no(
  'The engine knows no shell and no user interface.',
  'electron',
  'electron/*',
  'react',
  'react-dom',
  'react-dom/*',
  'react/*',
)
const NODE = no(
  'The protocol and the strategies run in Node and in the page: no Node, no DOM.',
  'node:*',
  'fs',
  'path',
  'os',
  'crypto',
  'child_process',
  'ws',
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
  {
    files: ['**/*.{ts,tsx}'],
    plugins: { rooms },
    rules: { 'rooms/doors': 'error' },
  },
  without(['engine/**/*.ts'], SHELL),
  without(['engine/protocol/**/*.ts', 'engine/strategies/**/*.ts'], SHELL, NODE),
  without(
    ['renderer/**/*.{ts,tsx}'],
    no('The page knows no Node and no shell.', 'electron', 'node:*', 'ws', 'commander'),
  ),
)
