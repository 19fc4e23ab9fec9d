import { expect, it } from 'vitest'
import { trainedPositions, yarnFor } from '../../engine/kv/index.ts'

it('asks for YaRN only beyond the trained budget', () => {
  const rope = { 'parathinker.rope_budget': '8192', 'parathinker.rope_original_context': 9280 }
  expect(yarnFor(rope, 16384, 131072)).toEqual({ factor: 2, originalContext: 9280 })
  expect(yarnFor(rope, 8192, 131072)).toBeUndefined()
  expect(yarnFor({}, 16384, 131072)).toBeUndefined()
  const positions = (trainContext: number, budget: number) =>
    trainedPositions({ metadata: rope, trainContext }, { budget })
  expect([positions(9280, 8192), positions(9280, 16384), positions(0, 1)]).toEqual([
    9280,
    18560,
    Infinity,
  ])
})
