// `npm run phrases`: phrases that plain English does not use, in the files of this repository; exit code 1 if there are any.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './renderer.ts'

/** Each with what to write instead. */
export const PHRASES: [phrase: RegExp, instead: string][] = [
  [/\banew\b/i, 'again'],
  [
    /(?<!\bthere )\b(?:is|are|was) no (?!longer\b|more\b|better\b|one\b|matter\b|such\b)[a-z]+/i,
    '"is not a ..." or "has no ..."',
  ],
  [/\bso (?:many|much)\b(?! (?:that|as)\b)/i, '"this many", or the number'],
  [/\bso long as it\b/i, 'while it, if it'],
  [/\btold by\b/i, 'reported by'],
  [/\bsees? to it\b/i, 'ensures'],
  [/\bgives? way to\b/i, 'is replaced by, is unloaded for'],
  [/\bno (?:fault|fail(?:ure)?) of\b/i, 'not caused by'],
  [/\bas yet\b/i, 'yet'],
  [/\b(?:tokens|rows?|events?|ids?|lines?) an? (?:path|run|line|second|step|token)\b/i, 'per'],
  // A comment, or a list entry of one, that begins with a fragment: "Of a run, ..."
  [/(?:\/\/|\/?\*+|#)\s+Of (?!course\b)/, 'a sentence with a subject and a verb'],
]

export interface Finding {
  line: number
  found: string
  instead: string
}

/** Returns what PHRASES finds in a text; lines count from 1. */
export function findPhrases(text: string): Finding[] {
  return text.split('\n').flatMap((line, i) =>
    PHRASES.flatMap(([phrase, instead]) => {
      const found = phrase.exec(line)?.[0]
      return found === undefined ? [] : [{ line: i + 1, found: found.trim(), instead }]
    }),
  )
}

/** Sources, docs and catalogues under version control; not licences, data, patches to others' code, or this list. */
function files(): string[] {
  const { stdout } = spawnSync(
    'git',
    [
      'ls-files',
      '*.ts',
      '*.tsx',
      '*.mjs',
      '*.cjs',
      '*.cpp',
      '*.h',
      '*.py',
      '*.sh',
      '*.css',
      '*.md',
    ],
    { cwd: root, encoding: 'utf8' },
  )
  return stdout
    .split('\n')
    .filter(
      (file) =>
        file !== '' && !/^(patches\/.*\.patch|(scripts|test\/scripts)\/phrases\b.*)$/.test(file),
    )
}

if (process.argv[1] === import.meta.filename) {
  let count = 0
  for (const file of files())
    for (const { line, found, instead } of findPhrases(readFileSync(join(root, file), 'utf8'))) {
      console.log(`${file}:${line}: "${found}". Write: ${instead}`)
      count++
    }
  console.error(`${count} phrases to reword`)
  process.exitCode = count > 0 ? 1 : 0
}
