import { exact, inverse, product, sameExact, type Exact } from './exact.ts'

/**
 * What an answer is measured in. Two answers with known units are compared in the same unit, and
 * are unequal if they measure different things; an unknown unit, such as `apples`, is ignored.
 */
export interface Unit {
  /** The dimensions and their powers, such as `length 1 time -1`; null: an unknown unit. */
  key: string | null
  /** `key` without what follows "per". */
  head: string | null
  /** The size in the base unit of `key`. */
  factor: Exact
  /** The answer adds several units ("5 h 14 min"), so its value means nothing without them. */
  compound?: true
}

const WORDS: Record<string, Record<string, string>> = {
  length: {
    '1': 'm meter meters metre metres',
    '1000': 'km kilometer kilometers kilometre kilometres kms',
    '1/10': 'dm decimeter decimeters decimetre decimetres',
    '1/100': 'cm centimeter centimeters centimetre centimetres cms',
    '1/1000': 'mm millimeter millimeters millimetre millimetres',
    '127/5000': 'in inch inches',
    '381/1250': 'ft foot feet',
    '1143/1250': 'yd yds yard yards',
    '201168/125': 'mi mile miles',
  },
  time: {
    '1': 's sec secs second seconds',
    '1/1000': 'ms millisecond milliseconds',
    '60': 'min mins minute minutes',
    '3600': 'h hr hrs hour hours',
    '86400': 'd day days',
    '604800': 'week weeks wk wks',
  },
  month: { '1': 'month months', '12': 'year years yr yrs' },
  mass: {
    '1': 'g gram grams gramme grammes gm gms',
    '1000': 'kg kgs kilogram kilograms kilo kilos',
    '1/1000': 'mg milligram milligrams',
    '1000000': 'ton tons tonne tonnes',
  },
  pound: { '16': 'lb lbs pound pounds', '1': 'oz ounce ounces' },
  volume: {
    '1': 'l liter liters litre litres',
    '1/1000': 'ml milliliter milliliters millilitre millilitres',
  },
  gallon: { '16': 'gallon gallons gal', '4': 'quart quarts', '2': 'pint pints', '1': 'cup cups' },
  money: {
    '1': 'dollar dollars usd $ buck bucks',
    '1/100': 'cent cents \u00a2',
  },
  euro: { '1': 'euro euros eur \u20ac' },
  sterling: { '1': 'gbp \u00a3 quid' },
  yen: { '1': 'yen yuan jpy cny rmb \u00a5' },
  rupee: { '1': 'rs inr rupee rupees \u20b9' },
  angle: { '1': 'degree degrees deg degs \u00b0' },
  radian: { '1': 'radian radians rad rads' },
  celsius: { '1': '\u00b0c celsius' },
  fahrenheit: { '1': '\u00b0f fahrenheit' },
  kelvin: { '1': 'kelvin kelvins' },
  force: { '1': 'n newton newtons', '1000': 'kn' },
  energy: { '1': 'j joule joules', '1000': 'kj kilojoule kilojoules', '3600000': 'kwh' },
  power: { '1': 'w watt watts', '1000': 'kw kilowatt kilowatts' },
  pressure: { '1': 'pa pascal pascals', '1000': 'kpa' },
  voltage: { '1': 'v volt volts' },
  current: { '1': 'a amp amps ampere amperes' },
  resistance: { '1': '\u03c9 ohm ohms' },
  frequency: { '1': 'hz hertz' },
  amount: { '1': 'mol mole moles' },
  dozen: { '1': 'dozen' },
  half: { '1': 'am a.m. a.m' },
  other: { '1': 'pm p.m. p.m' },
}

const KNOWN = new Map<string, { dimension: string; factor: Exact }>()
for (const [dimension, sizes] of Object.entries(WORDS))
  for (const [size, words] of Object.entries(sizes)) {
    const [a = '1', b = '1'] = size.split('/')
    for (const word of words.split(' '))
      KNOWN.set(word, { dimension, factor: exact(BigInt(a), BigInt(b)) })
  }
/** Short for a quotient of units. */
const SHORT = new Map([
  ['mph', 'mi/h'],
  ['kph', 'km/h'],
  ['kmph', 'km/h'],
  ['fps', 'ft/s'],
  ['mps', 'm/s'],
])
/** Words that begin a clause or join numbers, and so are not part of a unit. */
const NO_UNIT =
  /^(?:and|or|is|are|was|if|when|where|for|with|mod|choose|if|because|since|so|not|but|than|plus|minus|times|divided|to|nor|which|that|equals|has|have|then|else|by|out|more|less|only|solutions?)$/i

const ONE: Exact = { numerator: 1n, denominator: 1n }

/**
 * Returns the unit that words name: null if they cannot be one. `marked` words are set in a font of
 * their own, so that they may also be single letters.
 */
export function unitOf(words: string, marked: boolean): Unit | null {
  const text = words
    .replace(/[{}]/g, '')
    .replace(/\^\s*\\circ|\\degree/g, '\u00b0')
    .replace(/\u00b0\s+(?=[CF]\b)/g, '\u00b0')
    .replace(/\\cdot|\\times|\u00b7/g, ' ')
    .replace(/\bdegrees?\s+(?=celsius|fahrenheit|[CF]\b)/gi, '\u00b0')
    .replace(/\u00b0(celsius|fahrenheit)/gi, '$1')
    .trim()
  if (text === '') return null
  const tokens = text.match(/\/|[^\s/^]+(?:\s*\^\s*\(?-?\d\)?)?/g) ?? []
  if (tokens.length > 8 || tokens.some((token) => NO_UNIT.test(token))) return null
  if (/\d/.test(text.replace(/\^\s*\(?-?\d\)?/g, ''))) return null
  return known(tokens, marked) ?? unknown(tokens, marked)
}

function known(tokens: readonly string[], marked: boolean): Unit | null {
  const powers = new Map<string, number>()
  let factor = ONE
  let head: string | null = null
  let side = 1
  let next = 1
  const queue = tokens.flatMap((token) => {
    const short = SHORT.get(token.toLowerCase().replace(/\.$/, ''))
    return short === undefined ? [token] : short.split(/(\/)/)
  })
  for (const token of queue) {
    const word = token.toLowerCase()
    if (word === '/' || word === 'per') {
      head ??= keyOf(powers)
      side = -1
    } else if (/^sq(?:uare|uared|\.)?$/.test(word)) next = 2
    else if (/^cu(?:bic|bed|\.)?$/.test(word)) next = 3
    else {
      const [, name = '', power] = /^([^^]+?)\.?(?:\s*\^\s*\(?(-?\d)\)?)?$/.exec(token) ?? []
      const unit = named(name, marked || tokens.length > 1)
      if (unit === undefined) return null
      const exponent = side * next * Number(power ?? 1)
      if (Math.abs(exponent) > 6) return null
      powers.set(unit.dimension, (powers.get(unit.dimension) ?? 0) + exponent)
      const step = exponent < 0 ? inverse(unit.factor) : unit.factor
      for (let i = 0; i < Math.abs(exponent); i++) factor = product(factor, step)
      next = 1
    }
  }
  if (powers.size === 0) return null
  const key = keyOf(powers)
  return { key, head: head ?? key, factor }
}

/** Single letters name a unit only as they are written: 5 m, but not 5 M. */
function named(name: string, marked: boolean): { dimension: string; factor: Exact } | undefined {
  if (name.length > 1) return KNOWN.get(name.toLowerCase())
  if (!marked && /^[a-zA-Z]$/.test(name) && !/^[mghsLNJWV]$/.test(name)) return undefined
  if (/^[MGHSnjwva]$/.test(name)) return undefined
  return KNOWN.get(name.toLowerCase())
}

const keyOf = (powers: ReadonlyMap<string, number>): string =>
  [...powers]
    .filter(([, power]) => power !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([dimension, power]) => `${dimension} ${power}`)
    .join(' ')

/** Returns whether words can be what is counted: "apples", "paper clips per day". */
function unknown(tokens: readonly string[], marked: boolean): Unit | null {
  const words = tokens.filter((token) => token !== '/')
  const plain = words.every((word) => /^\p{L}[\p{L}'\u2019.-]*(?:\s*\^\s*[23])?$/u.test(word))
  const long =
    words.some((word) => word.length >= 3) || (marked && words.every((w) => w.length > 1))
  return plain && long ? { key: null, head: null, factor: ONE } : null
}

/** Returns the factors by which two values are compared; null if they measure different things. */
export function comparable(a: Unit | null, b: Unit | null): readonly [Exact, Exact] | null {
  if (a?.compound === true ? b === null : b?.compound === true && a === null) return null
  if (a === null || b === null || a.key === null || b.key === null) return [ONE, ONE]
  if (a.key === b.key) return sameExact(a.factor, b.factor) ? [ONE, ONE] : [a.factor, b.factor]
  return a.head === b.head && (a.head === a.key || b.head === b.key) ? [ONE, ONE] : null
}
