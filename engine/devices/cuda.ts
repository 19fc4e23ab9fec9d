/** NVIDIA's runtime: the packages hold ggml's kernels, not cudart and cuBLAS. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { promisify } from 'node:util'

export type CudaMajor = 12 | 13

/** Major version of the CUDA runtime on this machine; undefined: none was found. */
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
        return [] // Not ours to read.
      }
    }),
  ].join('\n')
  return ([13, 12] as const).find((major) =>
    new RegExp(`libcublas\\.so\\.${major}|cublas64_${major}\\.dll`, 'i').test(names),
  )
}
