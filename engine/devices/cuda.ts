/** Finds NVIDIA's runtime. The packages contain ggml's kernels, but not cudart and cuBLAS. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { promisify } from 'node:util'

export type CudaMajor = 12 | 13

/**
 * Returns the major version of the CUDA runtime on this machine, or undefined if none was found.
 */
export async function installedCuda(): Promise<CudaMajor | undefined> {
  const windows = process.platform === 'win32'
  const folders = ((windows ? process.env.PATH : process.env.LD_LIBRARY_PATH) ?? '')
    .split(windows ? ';' : ':')
    .filter((folder) => folder && existsSync(folder))
  const known = windows
    ? ''
    : await promisify(execFile)('/sbin/ldconfig', ['-p']).then(
        ({ stdout }) => stdout,
        () => '',
      )
  const names = [
    known,
    ...folders.flatMap((folder) => {
      try {
        return readdirSync(folder)
      } catch {
        return [] // The folder cannot be read.
      }
    }),
  ].join('\n')
  return ([13, 12] as const).find((major) =>
    new RegExp(`libcublas\\.so\\.${major}|cublas64_${major}\\.dll`, 'i').test(names),
  )
}
