/** An independent solver of the numbers game that uses only integers: a value is a pair [numerator, denominator]. */
export interface Found {
  text: string
  top: number
  bottom: number
}

/** Returns every expression over all `numbers` (each once), fully parenthesised, with its exact value. For short lists. */
export function allExpressions(numbers: readonly number[]): Found[] {
  const best = (items: readonly Found[]): Found[] => {
    if (items.length === 1) return [...items]
    const out: Found[] = []
    for (let i = 0; i < items.length; i++) {
      for (let j = 0; j < items.length; j++) {
        if (i === j) continue
        const rest = items.filter((_, k) => k !== i && k !== j)
        for (const made of joinTwo(items[i]!, items[j]!, i < j)) out.push(...best([made, ...rest]))
      }
    }
    return out
  }
  return best(numbers.map((n) => ({ text: String(n), top: n, bottom: 1 })))
}

function joinTwo(a: Found, b: Found, commutative: boolean): Found[] {
  const text = (op: string) => `(${a.text} ${op} ${b.text})`
  const out = [
    { text: text('-'), top: a.top * b.bottom - b.top * a.bottom, bottom: a.bottom * b.bottom },
  ]
  if (b.top !== 0) out.push({ text: text('/'), top: a.top * b.bottom, bottom: a.bottom * b.top })
  if (commutative) {
    out.push({
      text: text('+'),
      top: a.top * b.bottom + b.top * a.bottom,
      bottom: a.bottom * b.bottom,
    })
    out.push({ text: text('*'), top: a.top * b.top, bottom: a.bottom * b.bottom })
  }
  return out
}
