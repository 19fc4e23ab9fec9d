import { expect, test } from 'vitest'
import { columnsOf } from '../../../renderer/run/columns.ts'

test('lanes have the columns that leave the fewest holes, and no needlessly low lanes', () => {
  // 1330 pixels: five fit.
  const columns = (width: number) => Array.from({ length: 16 }, (_, i) => columnsOf(i + 1, width))
  expect(columns(1330)).toEqual([1, 2, 3, 2, 5, 3, 4, 4, 3, 5, 4, 4, 5, 5, 5, 4])
  expect(columns(700)).toEqual([1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
  expect(columnsOf(5, 200)).toBe(1)
  expect(columnsOf(64, 2600)).toBe(8)
  // Three fit: eight leave a hole in them, and sixteen would be eight rows of two.
  expect([8, 16].map((count) => columnsOf(count, 770))).toEqual([2, 3])
})
