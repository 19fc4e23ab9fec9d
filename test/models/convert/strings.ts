import { Random } from '../../support/random.ts'

const RANGES: readonly (readonly [number, number])[] = [
  [0x20, 0x7e],
  [0xa1, 0x24f],
  [0x370, 0x3ff],
  [0x400, 0x52f],
  [0x531, 0x556],
  [0x5d0, 0x5ea],
  [0x620, 0x64a],
  [0x660, 0x669],
  [0x904, 0x939],
  [0x93e, 0x94d],
  [0x966, 0x96f],
  [0xe01, 0xe3a],
  [0x10d0, 0x10fa],
  [0x1780, 0x17b3],
  [0x1e00, 0x1eff],
  [0x2010, 0x2027],
  [0x2030, 0x205e],
  [0x20a0, 0x20bf],
  [0x2150, 0x218b],
  [0x2190, 0x22ff],
  [0x2460, 0x24ff],
  [0x3041, 0x3096],
  [0x30a1, 0x30fa],
  [0x4e00, 0x9fa5],
  [0xac00, 0xd7a3],
  [0xff01, 0xff9d],
  [0x1d400, 0x1d7ff],
  [0x1f300, 0x1f64f],
  [0x20000, 0x2a6d6],
]
const WORDS =
  `the of and to in parallel thinking path summary therefore we have let x be Let's I'm we'll don't they've you're it'd SHE'S THEY'LL O'Brien function return const
 naïve café Straße žluťoučký Привет мир задача Ελληνικά שלום العربية हिन्दी ไทย 한국어 日本語 中文字符 数学 решить`.split(
    /\s+/,
  )
const SPACES = [
  ' ',
  '  ',
  '   ',
  '\n',
  '\n\n',
  '\r\n',
  '\t',
  '\t\t',
  ' \n',
  '\n  ',
  '      ',
  '\u00a0',
  '\u3000',
  '\u2003',
  '\u200b',
  ' \t ',
  '\n\n\n \n',
]
const PUNCTUATION = [
  '.',
  ',',
  '...',
  '!?',
  '):',
  '\\boxed{',
  '}',
  '$',
  '$$',
  '=',
  '==',
  '->',
  '/*',
  '//',
  '"',
  "'",
  '``',
  '—',
  '…',
  '（',
  '」',
  '#',
  '##',
  '@',
  '&&',
  '\\frac{1}{2}',
  '<',
  '>',
  '</',
  '|',
]
const MARKED = [
  '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  '\u{1f3f3}\ufe0f\u200d\u{1f308}',
  'e\u0301',
  'a\u0328\u0301',
  '\u0ba8\u0bbf',
  '\u{1f1e9}\u{1f1ea}',
  '\ufeff',
  '\u0000',
  '\u0007',
]

/** Returns texts of mixed scripts, spaces, digits and the given control tokens, in NFC; the same for the same seed. */
export function strings(count: number, control: readonly string[], seed = 1): string[] {
  const random = new Random(seed)
  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)]!
  const run = () => {
    const [from, to] = pick(RANGES)
    return Array.from({ length: 1 + random.int(6) }, () =>
      String.fromCodePoint(from + random.int(to - from + 1)),
    ).join('')
  }
  const digits = () => Array.from({ length: 1 + random.int(9) }, () => random.int(10)).join('')
  const kinds = [
    () => pick(WORDS),
    () => pick(WORDS),
    () => ` ${pick(WORDS)}`,
    run,
    run,
    digits,
    () => pick(SPACES),
    () => pick(SPACES),
    () => pick(PUNCTUATION),
    () => pick(MARKED),
    () => pick(control),
    () => pick(control).slice(1),
  ]
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + random.int(14) }, () => pick(kinds)())
      .join('')
      .normalize('NFC'),
  )
}

/** Returns the FNV-1a hash of the ids of one text, parsed with and without control tokens. */
export function hashIds(withControl: ArrayLike<number>, without: ArrayLike<number>): number {
  let hash = 0x811c9dc5
  const add = (value: number) => {
    hash = Math.imul(hash ^ value, 0x01000193) >>> 0
  }
  for (const ids of [withControl, without]) {
    for (let i = 0; i < ids.length; i++) {
      add(ids[i]! & 0xffff)
      add(ids[i]! >>> 16)
    }
    add(0x10000)
  }
  return hash
}
