import { describe, expect, it } from 'vitest'
import { readPattern } from '../../engine/protocol/schema-pattern.ts'
import { readSchema, SchemaError } from '../../engine/protocol/schema.ts'

const read = (schema: unknown): unknown => JSON.parse(readSchema(JSON.stringify(schema)))
function refusal(schema: unknown): string {
  try {
    read(schema)
  } catch (error) {
    if (error instanceof SchemaError) return `${error.path.join('.')}: ${error.message}`
    throw error
  }
  throw new Error('It was not refused.')
}

describe('a schema is read', () => {
  it.each<[string, unknown, unknown]>([
    ['any value', {}, { title: '' }],
    ['words about it are left out', { type: 'null', description: 'x', $id: 'y' }, { type: 'null' }],
    [
      'several types are alternatives, each once',
      { anyOf: [{ type: ['string', 'null'] }, { type: 'null' }] },
      { anyOf: [{ type: 'string' }, { type: 'null' }] },
    ],
    [
      'references are followed',
      { prefixItems: [{ $ref: '#/$defs/a~1b' }], $defs: { 'a/b': { const: 1 } } },
      { type: 'array', items: [{ const: 1 }] },
    ],
    [
      'objects that all apply are one',
      {
        allOf: [
          { $ref: '#/$defs/a' },
          { type: 'object', properties: { c: true }, required: ['c'] },
        ],
        $defs: { a: { properties: { b: { enum: [1, 1, 2] } } } },
      },
      {
        type: 'object',
        properties: { b: { enum: [1, 2] }, c: { title: '' } },
        required: ['c'],
        additionalProperties: false,
      },
    ],
    [
      'limits of whole numbers are two',
      { type: 'integer', exclusiveMinimum: 2.5 },
      { type: 'integer', minimum: 3, maximum: 10 ** 15 - 1 },
    ],
  ])('%s', (_what, schema, form) => expect(read(schema)).toEqual(form))

  it('in the order of its properties', () => {
    const properties = { z: {}, a: {}, m: {} }
    expect(Object.keys((read({ properties }) as { properties: object }).properties)).toEqual([
      'z',
      'a',
      'm',
    ])
  })
  it.each<[unknown, string]>([
    [{ properties: { a: { items: { type: 'x' } } } }, 'properties.a.items.type: must be of'],
    [{ items: { $ref: '#/items' } }, 'items.$ref: refers to itself'],
    [{ type: 'integer', minimum: 3, maximum: 2 }, ': no whole number'],
    [{ properties: {}, required: ['a'] }, "required: 'a' is not among"],
    [{ properties: { ']': {} }, additionalProperties: true }, "properties: ']' needs"],
    [{ type: 'string', minLength: 5, maxLength: 4 }, ': nothing has'],
    [{ allOf: [{ type: 'string' }, { type: 'object' }] }, 'allOf: must consist'],
    [{ enum: [] }, 'enum: '],
    [
      { type: 'array', prefixItems: Array(30).fill({ type: 'integer', minimum: 1 }) },
      'prefixItems.',
    ],
  ])('%j is refused', (schema, why) => expect(refusal(schema)).toContain(why))
})

describe('a pattern', () => {
  const inside = '"\\\\\\x7F\\x00-\\x1F'
  it.each([
    ['^\\d{3}-\\w+$', '^[0-9]{3}-[A-Za-z0-9_]+$'],
    ['^.\\.$', `^[^${inside}]\\.$`],
    ['^[^a\\-z]$', `^[^${inside}a\\x2Dz]$`],
    ['^[\\w.\\]]\\/$', '^[A-Za-z0-9_.\\x5D]/$'],
    ['^(?:ab|c)?$', '^(ab|c)?$'],
    ['^日本?$', '^日本?$'],
  ])('%s is %s for the converter', (pattern, text) => {
    expect(readPattern(pattern).text).toBe(text)
  })
  it.each([
    'a',
    '^a',
    '^(a$',
    '^a)$',
    '^[a$',
    '^*$',
    '^a{x}$',
    '^a{3,2}$',
    '^a{1901}$',
    '^(a|b)*$',
    '^(a?){3}$',
    '^a*?$',
    '^(?=a)$',
    '^\\bword$',
    '^"$',
    '^["a]$',
    '^\\\\$',
    '^a^b$',
    '^a*b*c*d*e*f*g*$',
  ])('%s is refused', (pattern) => expect(() => readPattern(pattern)).toThrow())
})
