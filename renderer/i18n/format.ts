import i18next from 'i18next'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Formats bytes with three digits: 1.25 GiB. */
export function bytes(n: number): string {
  let unit = 0
  let value = n
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 ? 0 : Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** Formats milliseconds: 35 ms, 0.8 s, 12.4 s, 3:05, 1:02:03. */
export function duration(ms: number): string {
  if (ms > 0 && ms < 100) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`
  const whole = Math.round(seconds)
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** Formatters by language. Creating one costs more than a hundred uses. */
const formats = new Map<
  string,
  { number: Intl.NumberFormat; date: Intl.DateTimeFormat; time: Intl.DateTimeFormat }
>()
function format() {
  const { language } = i18next
  let known = formats.get(language)
  if (known === undefined)
    formats.set(
      language,
      (known = {
        number: new Intl.NumberFormat(language),
        date: new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }),
        time: new Intl.DateTimeFormat(language, { timeStyle: 'short' }),
      }),
    )
  return known
}

export const integer = (n: number): string => format().number.format(n)

export const dateTime = (iso: string): string => {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? iso : format().date.format(date)
}

/** Formats only the time of day, for what stands under the heading of a day. */
export const timeOfDay = (iso: string): string => {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? iso : format().time.format(date)
}

/** Formats a number with `digits` decimals and without a minus before zero. */
export const fixed = (n: number, digits: number): string =>
  (Math.abs(n) < 0.5 * 10 ** -digits ? 0 : n).toFixed(digits)

/** Formats a probability, given as its natural logarithm: 97.3 %. */
export const percent = (logprob: number): string => share(Math.exp(logprob))

/** Formats a share of 1: 97.3 %, or < 0.001 % if it is smaller than that. */
export function share(part: number): string {
  const p = part * 100
  if (p > 0 && p < 0.001) return '< 0.001 %'
  return `${p >= 10 ? p.toFixed(1) : p >= 0.1 ? p.toFixed(2) : p.toPrecision(1)} %`
}
