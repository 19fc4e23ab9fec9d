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

/**
 * Returns `count` different ones of a list, or all in another order if there are fewer: the random
 * sample that a path of a later round reads (RSA, section 3: uniform, without replacement).
 */
export function drawn<T>(list: readonly T[], count: number, seed: number): T[] {
  const left = [...list]
  return Array.from({ length: Math.min(count, list.length) }, (_, i) => {
    const at = Math.floor((mix(derive(seed, i + 1)) / 2 ** 32) * left.length)
    return left.splice(at, 1)[0]!
  })
}

/**
 * Returns the seed of the child for the entry at this place, from 1, of a plan; 0: of what follows the
 * children. Forks open in the order in which they are reported, so a number would not tell.
 */
export const forkSeed = (seed: number, place: number): number => derive(seed, place)

/** Returns the seed of a run's probe: that of a summary that no run has. */
export const probeSeed = (seed: number): number => summarySeed(seed, 1 << 20)

/** Returns the seed of a judge, likewise. */
export const judgeSeed = (seed: number, judge: number): number =>
  summarySeed(seed, (1 << 20) + judge)

/** Returns the seed of a segment that continues after `tokens` tokens: a separate random stream. */
export const continuedSeed = (seed: number, tokens: number): number =>
  tokens === 0 ? seed : derive(seed, tokens)
