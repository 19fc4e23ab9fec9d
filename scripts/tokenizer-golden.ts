/**
 * Writes test/models/convert/golden/*.bin: for 10,000 texts and each tokenizer, a 32-bit hash of the ids that Hugging
 * Face's `tokenizers` gives. Needs a Python with that package:
 * `python3 -m venv .cache/golden && .cache/golden/bin/pip install tokenizers==0.23.3`, then
 * `npx tsx scripts/tokenizer-golden.ts .cache/golden/bin/python`.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  REAL_TOKENIZERS,
  realTokenizer,
  vocabularyFolder,
} from '../test/models/convert/real-tokenizers.ts'
import { hashIds, strings } from '../test/models/convert/strings.ts'
import { root } from './native/paths.ts'

async function main(python: string): Promise<void> {
  const vocabularies = await vocabularyFolder()
  if (!vocabularies)
    throw new Error('The llama.cpp source was not found. Run `npm run setup` first.')
  const folder = mkdtempSync(join(tmpdir(), 'braid-golden-'))
  for (const name of REAL_TOKENIZERS) {
    const { tokenizer, control } = await realTokenizer(name, vocabularies)
    const file = join(folder, `${name}.json`)
    writeFileSync(file, JSON.stringify(tokenizer))
    // llama.cpp's converter turns these into control tokens, whatever the model says.
    const added = (tokenizer.added_tokens as { content: string; special: boolean }[]).map(
      (token) => ({ ...token, special: token.special || /^<[|｜].*[|｜]>$/.test(token.content) }),
    )
    writeFileSync(`${file}.plain`, JSON.stringify({ ...tokenizer, added_tokens: added }))
    const { stdout, stderr, status } = spawnSync(
      python,
      [join(root, 'scripts', 'tokenizer-golden.py')],
      {
        input: JSON.stringify({
          tokenizer: file,
          plain: `${file}.plain`,
          strings: strings(10_000, control),
        }),
        maxBuffer: 2 ** 28,
        env: { ...process.env, TOKENIZERS_PARALLELISM: 'false' },
      },
    )
    if (status !== 0) throw new Error(stderr.toString())
    const ids = JSON.parse(stdout.toString()) as [number[], number[]][]
    const target = join(root, 'test', 'models', 'convert', 'golden', `${name}.bin`)
    writeFileSync(target, Buffer.from(Uint32Array.from(ids, ([a, b]) => hashIds(a, b)).buffer))
    console.log(
      `${target}: ${ids.length} texts, ${ids.reduce((sum, [a]) => sum + a.length, 0)} tokens`,
    )
  }
  rmSync(folder, { recursive: true })
}

await main(process.argv[2] ?? 'python3')
