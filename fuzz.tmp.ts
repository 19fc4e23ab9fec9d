import { appendFileSync, writeFileSync } from 'node:fs'
import { ARCHITECTURES, weightsOf } from '/work/wt/atk-files/test/support/architectures.ts'
import { LoadProcess } from '/work/wt/atk-files/test/support/load-process.ts'
import { keysOf, keyMutants, tryMutants } from '/work/wt/atk-files/test/models/key-mutants.ts'
const out = process.argv[2]!
const names = process.argv.length>3 ? process.argv.slice(3) : ARCHITECTURES
writeFileSync(out, '')
for (const v of names) {
  const t = performance.now()
  const p = new LoadProcess()
  let tensors
  for (const all of [true,false]) {
    const a = await p.ask({learn:{variant:v, scratch:'/tmp/learn-'+process.pid+'.gguf', all}})
    if (a.outcome==='learned') { tensors = weightsOf(a.tensors!); break }
  }
  if (!tensors) { console.log(v, 'NOT LEARNED'); p.close(); continue }
  const keys = await keysOf(v, tensors, p, '/tmp/learn-'+process.pid+'.gguf')
  p.close()
  const r = await tryMutants(keyMutants(v, tensors, keys), {jobs: 1})
  for (const f of r.faults) appendFileSync(out, `${f.mutant}\t${f.how}\n`)
  console.log(v, keys.length+' keys', r.mutants, 'ran', r.ran, 'refused', r.refused, 'faults', r.faults.length, 'procs', r.processes, 'slowest', Math.round(r.slowestMs), 'MiB', Math.round(r.mostBytes/2**20), Math.round((performance.now()-t)/1000)+'s')
}
