/** The finaliser of MurmurHash3 (public domain, A. Appleby): a bijection that mixes 32 bits. */
function mix(value: number): number {
  let h = value >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

const derive = (seed: number, stream: number) => mix(mix(seed) ^ Math.imul(stream, 0x9e3779b1))

/** Returns the seed of a path, which depends only on the run's seed and the path's number. */
export const pathSeed = (seed: number, path: number): number => derive(seed, 2 * path)

export const summarySeed = (seed: number, version: number): number => derive(seed, 2 * version + 1)

/** Returns the seed of a run's probe: that of a summary that no run has. */
export const probeSeed = (seed: number): number => summarySeed(seed, 1 << 20)

/** Returns the seed of a segment that continues after `tokens` tokens: a separate random stream. */
export const continuedSeed = (seed: number, tokens: number): number =>
  tokens === 0 ? seed : derive(seed, tokens)
