import { z } from 'zod'
import { parseJson } from './json.ts'
import { MAX_REPEATS, PatternError, readPattern } from './schema-pattern.ts'

/**
 * JSON schemas of answers. They come from clients, so they are read into a form without references
 * and of bounded size before llama.cpp makes a grammar of them: its converter follows references
 * without end, and its grammars can have more states than memory holds. What is read is what the
 * converter knows; other keywords have no effect.
 */

export const MAX_SCHEMA_CHARS = 1 << 16
/** Levels of a schema, references followed. */
const MAX_LEVELS = 32
/** Parts of a schema, references followed: how many states its grammar can be in at once. */
const MAX_PARTS = 1000
/** Schemas of which a value may fit any. */
const MAX_ALTERNATIVES = 64
/** Properties of an object that may be left out: the converter's work is their number's cube. */
const MAX_OPTIONAL = 128
/** The converter is exact only for whole numbers between two limits. */
const MAX_WHOLE = 10 ** 15 - 1
/** Parts of a whole number between limits: one per number of digits, and those of its digits. */
const OF_WHOLE = 40
/** Repetitions and characters that count as a part: they cost memory, but few states. */
const PER_PART = 16

/** The schema of every JSON object. */
export const ANY_OBJECT = '{"type":"object"}'

/** `path`: the keywords on the way to what is wrong. */
export class SchemaError extends Error {
  readonly path: readonly PropertyKey[]
  constructor(path: readonly PropertyKey[], message: string) {
    super(message)
    this.path = path
  }
}

const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const
const Type = z.enum(TYPES)
const Count = z.int().min(0).max(MAX_REPEATS)
const List = z.array(z.unknown()).min(1)
const Keywords = z
  .object({
    $ref: z.string().max(1024),
    type: z.union([Type, z.array(Type).min(1).max(64)], `must be of ${TYPES.join(', ')}`),
    enum: List,
    const: z.unknown(),
    anyOf: List,
    oneOf: List,
    allOf: List,
    properties: z.custom<Record<string, unknown>>(isObject, 'must be an object'),
    required: z.array(z.string()),
    additionalProperties: z.unknown(),
    items: z.unknown(),
    prefixItems: List,
    minItems: Count,
    maxItems: Count,
    minLength: Count,
    maxLength: Count,
    pattern: z.string().max(512),
    format: z.string().max(64),
    minimum: z.number(),
    maximum: z.number(),
    exclusiveMinimum: z.number(),
    exclusiveMaximum: z.number(),
  })
  .partial()
type Keywords = z.output<typeof Keywords>
type Json = Record<string, unknown>
type Path = readonly PropertyKey[]

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Any value: a schema without a keyword, which would be any object, is something else to the converter. */
const ANYTHING: Json = { title: '' }

/** Returns a schema in the form that the converter reads. Throws `SchemaError`. */
export function readSchema(text: string): string {
  let root: unknown
  if (text.length > MAX_SCHEMA_CHARS)
    throw new SchemaError([], `must have at most ${MAX_SCHEMA_CHARS} characters`)
  try {
    root = parseJson(text)
  } catch (error) {
    throw new SchemaError([], `must be JSON: ${(error as Error).message}`)
  }
  return JSON.stringify(new Reader(root).read(root, [], 0))
}

class Reader {
  readonly #root: unknown
  /** References that are being followed. */
  readonly #following = new Set<string>()
  #parts = 0

  constructor(root: unknown) {
    this.#root = root
  }

  read(given: unknown, path: Path, level: number): Json {
    if (level > MAX_LEVELS) throw new SchemaError(path, `nests more than ${MAX_LEVELS} levels deep`)
    this.#count(1, path)
    if (given === true) return ANYTHING
    if (!isObject(given)) throw new SchemaError(path, 'must be an object')
    const { data, error } = Keywords.safeParse(given)
    const issue = error?.issues[0]
    if (issue !== undefined) throw new SchemaError([...path, ...issue.path], issue.message)
    const node = data!
    const each = (name: 'anyOf' | 'oneOf' | 'allOf' | 'prefixItems') =>
      node[name]!.map((one, i) => this.read(one, [...path, name, i], level + 1))
    if (node.$ref !== undefined) return this.#follow(node.$ref, path, level)
    if (node.oneOf !== undefined) return anyOf(each('oneOf'), path)
    if (node.anyOf !== undefined) return anyOf(each('anyOf'), path)
    if (Array.isArray(node.type)) {
      const types = [...new Set(node.type)]
      const each = types.map((type) => this.read({ ...given, type }, path, level + 1))
      return anyOf(each, path)
    }
    if ('const' in given) return { const: this.#value(node.const, path) }
    if (node.enum !== undefined)
      return { enum: distinct(node.enum.map((one) => this.#value(one, [...path, 'enum']))) }
    if (node.allOf !== undefined) {
      const { properties, required = [] } = node
      const own = properties && this.read({ type: 'object', properties, required }, path, level + 1)
      return this.#joined([...each('allOf'), ...(own === undefined ? [] : [own])], path)
    }
    return this.#typed(node, path, level, () => each('prefixItems'))
  }

  #count(parts: number, path: Path): void {
    this.#parts += parts
    if (this.#parts > MAX_PARTS)
      throw new SchemaError(path, `the schema is too large: at most ${MAX_PARTS} parts`)
  }

  #value(value: unknown, path: Path): unknown {
    this.#count(1 + JSON.stringify(value).length / PER_PART, path)
    return value
  }

  #follow(reference: string, path: Path, level: number): Json {
    const at = [...path, '$ref']
    if (this.#following.has(reference))
      throw new SchemaError(at, 'refers to itself, which is not supported')
    if (!/^#(\/|$)/.test(reference))
      throw new SchemaError(at, "must refer to a part of the schema, such as '#/$defs/item'")
    let target = this.#root
    const names = reference.split('/').slice(1).map(unescaped)
    for (const name of names) {
      const inside = typeof target === 'object' && target !== null && Object.hasOwn(target, name)
      if (!inside) throw new SchemaError(at, `there is nothing at '${reference}'`)
      target = (target as Json)[name]
    }
    this.#following.add(reference)
    const read = this.read(target, names, level + 1)
    this.#following.delete(reference)
    return read
  }

  /** Objects that all apply become one. */
  #joined(parts: readonly Json[], path: Path): Json {
    if (parts.length === 1) return parts[0]!
    if (parts.some((part) => part.type !== 'object'))
      throw new SchemaError([...path, 'allOf'], 'must consist of objects')
    const properties = Object.fromEntries(
      parts.flatMap((part) => Object.entries((part.properties ?? {}) as Json)),
    )
    const required = parts.flatMap((part) => (part.required ?? []) as string[])
    return this.#object({ properties, required }, path, (read) => read as Json)
  }

  #typed(node: Keywords, path: Path, level: number, prefix: () => Json[]): Json {
    const { type, properties, additionalProperties: more } = node
    const is = (name: (typeof TYPES)[number]) => type === undefined || type === name
    const inside = (name: PropertyKey) => (one: unknown, key?: PropertyKey) =>
      this.read(one, key === undefined ? [...path, name] : [...path, name, key], level + 1)
    if (is('object') && (properties !== undefined || (more !== undefined && more !== true)))
      return this.#object(node, path, inside('properties'), inside('additionalProperties'))
    if (is('array') && node.prefixItems !== undefined) return { type: 'array', items: prefix() }
    if (is('array') && (node.items !== undefined || type === 'array'))
      return this.#array(node, path, inside('items'))
    if (is('string') && node.pattern !== undefined)
      return this.#pattern(node.pattern, [...path, 'pattern'])
    if (type === 'string') return this.#string(node, path)
    if (type === 'integer') return this.#integer(node, path)
    return type === undefined ? ANYTHING : { type }
  }

  #object(
    { properties = {}, required = [], additionalProperties: more = false }: Keywords,
    path: Path,
    read: (one: unknown, key: string) => Json,
    readMore: (one: unknown) => Json = () => ANYTHING,
  ): Json {
    const names = Object.keys(properties)
    const at = [...path, 'properties']
    const optional = names.filter((name) => !required.includes(name))
    if (optional.length > MAX_OPTIONAL)
      throw new SchemaError(at, `at most ${MAX_OPTIONAL} may be left out: add them to 'required'`)
    for (const name of names) {
      // The converter spells other names wrong where more are allowed.
      if (more !== false && !/^\w+$/.test(name))
        throw new SchemaError(at, `'${name}' needs 'additionalProperties': false`)
      if (name.length > 128 || name === '$ref') throw new SchemaError(at, `cannot have '${name}'`)
    }
    const missing = required.find((name) => !Object.hasOwn(properties, name))
    if (missing !== undefined)
      throw new SchemaError([...path, 'required'], `'${missing}' is not among the properties`)
    return {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, read(properties[name], name)])),
      required,
      additionalProperties: typeof more === 'boolean' ? more : readMore(more),
    }
  }

  #array(node: Keywords, path: Path, read: (one: unknown) => Json): Json {
    const { items = true, minItems = 0, maxItems } = node
    this.#range(minItems, maxItems, path)
    return {
      type: 'array',
      items: read(items),
      minItems,
      ...(maxItems !== undefined && { maxItems }),
    }
  }

  #integer(node: Keywords, path: Path): Json {
    const { minimum = -Infinity, maximum = Infinity } = node
    const { exclusiveMinimum: above = -Infinity, exclusiveMaximum: below = Infinity } = node
    const least = Math.max(Math.ceil(minimum), Math.floor(above) + 1)
    const most = Math.min(Math.floor(maximum), Math.ceil(below) - 1)
    if (least === -Infinity && most === Infinity) return { type: 'integer' }
    const limits = { minimum: Math.max(least, -MAX_WHOLE), maximum: Math.min(most, MAX_WHOLE) }
    if (limits.minimum > limits.maximum)
      throw new SchemaError(path, `no whole number is from ${least} to ${most}`)
    this.#count(OF_WHOLE, path)
    return { type: 'integer', ...limits }
  }

  #string({ minLength, maxLength, format = '' }: Keywords, path: Path): Json {
    this.#range(minLength ?? 0, maxLength, path)
    return {
      type: 'string',
      ...(/^(?:uuid[1-5]?|date|time|date-time)$/.test(format) && { format }),
      ...(minLength !== undefined && { minLength }),
      ...(maxLength !== undefined && { maxLength }),
    }
  }

  #range(least: number, most: number | undefined, path: Path): void {
    if (most !== undefined && most < least)
      throw new SchemaError(path, `nothing has at least ${least} and at most ${most}`)
    this.#count((most ?? least) / PER_PART, path)
  }

  #pattern(pattern: string, path: Path): Json {
    try {
      const { text, size } = readPattern(pattern)
      this.#count(size / 2, path)
      return { type: 'string', pattern: text }
    } catch (error) {
      if (error instanceof PatternError) throw new SchemaError(path, error.message)
      throw error
    }
  }
}

/** Returns a choice of schemas. Where one is a choice itself, the number of all counts. */
function anyOf(schemas: readonly Json[], path: Path): Json {
  const all = distinct(schemas.flatMap((one) => (one.anyOf ?? [one]) as Json[]))
  if (all.length > MAX_ALTERNATIVES)
    throw new SchemaError(path, `has more than ${MAX_ALTERNATIVES} alternatives`)
  return { anyOf: all }
}

const distinct = <T>(values: readonly T[]): T[] => [
  ...new Map(values.map((value) => [JSON.stringify(value), value])).values(),
]

const unescaped = (name: string): string => {
  try {
    return decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return name
  }
}
