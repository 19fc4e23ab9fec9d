// replays the faults of /tmp/keys1 on the present table
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { weightsOf } from '/work/wt/atk-files/test/support/architectures.ts'
import { keyMutants, tryMutants } from '/work/wt/atk-files/test/models/key-mutants.ts'
const dir = process.argv[2]!, out = process.argv[3]!
const learned = JSON.parse(readFileSync('/tmp/learned.json','utf8'))
let done = new Set<string>()
try { done = new Set(readFileSync(out+'.done','utf8').split('\n')) } catch {}
const faults: string[] = []
const seen = new Set<string>()
const mutants = []
for (const f of readdirSync(dir)) {
  if (!f.endsWith('.tsv') || done.has(f)) continue
  const names = new Set(readFileSync(dir+'/'+f,'utf8').trim().split('\n').filter(Boolean).map(l=>l.split('\t')[0]!))
  if (names.size===0) continue
  const v = [...names][0]!.split(': ')[0]!
  if (!learned[v]) { console.log('no', v); continue }
  for (const m of keyMutants(v, weightsOf(learned[v]))) {
    const n = `${m.variant}: ${m.what}`
    if (names.has(n) && !seen.has(n)) { seen.add(n); mutants.push(m) }
  }
  done.add(f)
}
const r = await tryMutants(mutants)
console.log(r.mutants, 'ran', r.ran, 'refused', r.refused, 'faults', r.faults.length)
for (const f of r.faults) console.log(f.mutant, '|', f.how.replace(/\/home\S*llama.cpp\/ggml/,'ggml').replace(/\/work\S*source\//,''))
