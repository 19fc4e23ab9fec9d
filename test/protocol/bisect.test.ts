import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countLeading } from '../../engine/protocol/bisect.ts'

test('counts like a search from the start', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ max: 9, min: 0 })),
      fc.integer({ max: 10, min: -1 }),
      (list, most) => {
        list.sort((a, b) => a - b)
        const found = list.findIndex((n) => n > most)
        expect(countLeading(list, (n) => n <= most)).toBe(found < 0 ? list.length : found)
      },
    ),
  )
})
