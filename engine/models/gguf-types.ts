/**
 * Tables of the GGUF format (ggml/include/gguf.h, ggml.h, ggml-common.h) and the limits within
 * which Braid reads it.
 */

/** Maximum sizes in a file. Anything larger is rejected before memory is allocated. */
export const LIMITS = {
  stringBytes: 16 * 2 ** 20,
  arrayElements: 64 * 2 ** 20,
  dimensions: 4,
  /** Source: ggml.h, GGML_MAX_NAME, which includes the terminator. */
  tensorNameBytes: 63,
  keyBytes: 2 ** 16 - 1,
  /**
   * Limit for metadata and tensor table together; the largest published vocabularies need less than
   * 32 MiB.
   */
  headerBytes: 64 * 2 ** 20,
  keys: 65_536,
  tensors: 65_536,
  alignment: 2 ** 20,
  vocabulary: 2 ** 20,
} as const

export const VALUE_TYPE_NAMES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const
export type ValueType = (typeof VALUE_TYPE_NAMES)[number]
/** Bytes per value of fixed size. */
export const VALUE_BYTES: Partial<Record<ValueType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
}

/** Elements and bytes per block of each tensor type, keyed by its number in the file. */
export const TENSOR_TYPES: ReadonlyMap<number, { name: string; block: number; bytes: number }> =
  new Map(
    (
      [
        [0, 'F32', 1, 4],
        [1, 'F16', 1, 2],
        [2, 'Q4_0', 32, 18],
        [3, 'Q4_1', 32, 20],
        [6, 'Q5_0', 32, 22],
        [7, 'Q5_1', 32, 24],
        [8, 'Q8_0', 32, 34],
        [9, 'Q8_1', 32, 36],
        [10, 'Q2_K', 256, 84],
        [11, 'Q3_K', 256, 110],
        [12, 'Q4_K', 256, 144],
        [13, 'Q5_K', 256, 176],
        [14, 'Q6_K', 256, 210],
        [15, 'Q8_K', 256, 292],
        [16, 'IQ2_XXS', 256, 66],
        [17, 'IQ2_XS', 256, 74],
        [18, 'IQ3_XXS', 256, 98],
        [19, 'IQ1_S', 256, 50],
        [20, 'IQ4_NL', 32, 18],
        [21, 'IQ3_S', 256, 110],
        [22, 'IQ2_S', 256, 82],
        [23, 'IQ4_XS', 256, 136],
        [24, 'I8', 1, 1],
        [25, 'I16', 1, 2],
        [26, 'I32', 1, 4],
        [27, 'I64', 1, 8],
        [28, 'F64', 1, 8],
        [29, 'IQ1_M', 256, 56],
        [30, 'BF16', 1, 2],
        [34, 'TQ1_0', 256, 54],
        [35, 'TQ2_0', 256, 66],
        [39, 'MXFP4', 32, 17],
        [40, 'NVFP4', 64, 36],
        [41, 'Q1_0', 128, 18],
        [42, 'Q2_0', 64, 18],
      ] as const
    ).map(([id, name, block, bytes]) => [id, { name, block, bytes }]),
  )

/** Names of `general.file_type` (llama.h, LLAMA_FTYPE_*). */
export const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [7, 'Q8_0'],
  [8, 'Q5_0'],
  [9, 'Q5_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K_S'],
  [12, 'Q3_K_M'],
  [13, 'Q3_K_L'],
  [14, 'Q4_K_S'],
  [15, 'Q4_K_M'],
  [16, 'Q5_K_S'],
  [17, 'Q5_K_M'],
  [18, 'Q6_K'],
  [19, 'IQ2_XXS'],
  [20, 'IQ2_XS'],
  [21, 'Q2_K_S'],
  [22, 'IQ3_XS'],
  [23, 'IQ3_XXS'],
  [24, 'IQ1_S'],
  [25, 'IQ4_NL'],
  [26, 'IQ3_S'],
  [27, 'IQ3_M'],
  [28, 'IQ2_S'],
  [29, 'IQ2_M'],
  [30, 'IQ4_XS'],
  [31, 'IQ1_M'],
  [32, 'BF16'],
  [36, 'TQ1_0'],
  [37, 'TQ2_0'],
  [38, 'MXFP4'],
  [39, 'NVFP4'],
  [40, 'Q1_0'],
  [41, 'Q2_0'],
] as const)
