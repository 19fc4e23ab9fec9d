/** What the command line does with transcripts and texts that strangers made to hang it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { RunStore } from '../../engine/transcripts/store.ts'
import { braid } from '../support/cli.ts'
import { BOMBS } from '../support/hostile-transcripts.ts'
import { sampleRun } from '../support/sample-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-hostile-'))
afterAll(() => rmSync(folder, { recursive: true }))
const store = new RunStore(folder)
const env = { BRAID_DATA: folder }

const { writer } = store.create('good')
for (const event of sampleRun('good')) writer.append(event)
store.close('good')
const bomb = BOMBS['branches of a long path']!
writeFileSync(join(folder, 'runs', 'bomb.jsonl'), bomb.content('bomb'))

it('braid runs lists a damaged run, and a search finds the others and names it', async () => {
  const listed = await braid(['runs'], { env })
  expect(listed.stdout).toMatch(/^bomb +damaged/m)
  const found = await braid(['runs', '--search', 'boxed'], { env })
  expect(found.code).toBe(0)
  expect(found.stdout).toMatch(/^good/m)
  expect(found.stdout).not.toMatch(/^bomb/m)
  expect(found.stderr).toBe('bomb is damaged and was not searched.\n')
})

it.each(['md', 'html', 'json'])(
  'braid export refuses it as %s, with the reason',
  async (format) => {
    const { code, stdout, stderr } = await braid(['export', 'good', 'bomb', '-f', format], { env })
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(bomb.says)
  },
)

it.each(['grade', 'agree'])('braid %s refuses a line that nests deep', async (command) => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  const stdin = `{"text":"a","question":"q","attempts":["b"],"answer":"1","deep":${deep}}\n`
  const { code, stdout, stderr } = await braid([command, '-'], { env, stdin })
  expect(code).not.toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'bad-request' } })
  expect(stderr).toContain('nests more than 64 levels deep')
})
