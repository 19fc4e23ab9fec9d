import { ARCHITECTURES } from '/work/wt/atk-files/test/support/architectures.ts'
import { LoadProcess } from '/work/wt/atk-files/test/support/load-process.ts'
const p = new LoadProcess()
const all = process.argv[2]==='all'
const names = process.argv.length>3 ? process.argv.slice(3) : ARCHITECTURES
for (const v of names) {
  const t = performance.now()
  const a = await p.ask({learn:{variant:v, scratch:'/tmp/learn-'+process.pid+'.gguf', all}})
  console.log(v, a.outcome, a.message??'', a.tensors?.length??'', Math.round(performance.now()-t)+'ms')
}
p.close()
