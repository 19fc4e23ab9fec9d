import { LoadProcess } from '/work/wt/atk-files/test/support/load-process.ts'
const p = new LoadProcess()
for (let i=0;i<3;i++) { const t=performance.now(); const a = await p.ask({learn:{variant:'qwen35', scratch:'/tmp/lp.gguf', all:false}}); console.log(a.outcome, a.message, Math.round(performance.now()-t)) }
p.close()
