// which tiny base models are refused now / run
import { writeFileSync, existsSync, readFileSync } from 'node:fs'
import { ARCHITECTURES, metadataOf, weightsOf } from '/work/wt/atk-files/test/support/architectures.ts'
import { encodeGguf } from '/work/wt/atk-files/test/support/gguf-writer.ts'
import { LoadProcess } from '/work/wt/atk-files/test/support/load-process.ts'
const p = new LoadProcess()
const cache = '/tmp/learned.json'
const known = existsSync(cache) ? JSON.parse(readFileSync(cache,'utf8')) : {}
for (const v of process.argv.length>2 ? process.argv.slice(2) : ARCHITECTURES) {
  if (!known[v]) for (const all of [true,false]) {
    const a = await p.ask({learn:{variant:v, scratch:'/tmp/base-learn.gguf', all}})
    if (a.outcome==='learned') { known[v] = a.tensors; break }
    else console.log(v, 'learn', all, a.outcome, a.message?.slice(0,200))
  }
  if (!known[v]) { console.log(v, 'NOT LEARNED'); continue }
  writeFileSync('/tmp/base.gguf', encodeGguf(metadataOf(v), weightsOf(known[v])))
  const a = await p.ask({file:'/tmp/base.gguf'})
  if (a.outcome!=='ran') console.log(v, a.outcome, a.code, a.message)
}
writeFileSync(cache, JSON.stringify(known))
p.close()
