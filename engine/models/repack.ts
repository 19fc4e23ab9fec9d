import type { GgufTensor } from './gguf.ts'

/**
 * Types whose matrices ggml's CPU backend copies into another layout at loading (ggml-cpu/repack.cpp), as on a machine
 * with AVX2, or with NEON and dot products: nearly all of them.
 */
const REPACKED: Partial<Record<string, ReadonlySet<string>>> = {
  x64: new Set(['Q4_0', 'Q4_K', 'IQ4_NL', 'MXFP4']),
  arm64: new Set(['Q4_0', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'Q8_0', 'MXFP4']),
}

export function repacks({ type, shape }: GgufTensor, arch: string = process.arch): boolean {
  return shape.length > 1 && shape[1]! % 8 === 0 && REPACKED[arch]?.has(type) === true
}
