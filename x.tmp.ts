import { equalAnswers } from '/work/wt/atk-files/engine/protocol/answers/equality.ts'
import { unitOf } from '/work/wt/atk-files/engine/protocol/answers/units.ts'
const N = Object.getOwnPropertyNames(Object.prototype)
for (const n of N) for (const f of [n, `5 ${n}`, `\\${n}`, `\\text{${n}}`, `${n}(2)`, `\\${n}{2}`, `5 m/${n}`, `\\operatorname{${n}}(3)`, `\\mathrm{${n}}`, `x_{${n}}`, `\\begin{${n}}1\\end{${n}}`, `5 ${n}^2`, `\\left${n} 1 \\right${n}`])
  for (const g of [f, '5', n]) { equalAnswers(f, g); unitOf(f, true); unitOf(f, false) }
console.log('ok')
