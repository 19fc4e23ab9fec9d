/** Reports what a long setup is doing. Writes to stderr, so that `--json` output stays clean. */
export interface Progress {
  /** In words, for the user: `Compiling libllama`. */
  phase: string
  /** 0..1 if it is known. */
  fraction?: number
}

export type OnProgress = (progress: Progress) => void

/** Rewrites one line in a terminal; elsewhere prints a line per phase and per quarter. */
export function printProgress(stream: NodeJS.WriteStream = process.stderr): OnProgress {
  let phase = ''
  let quarter = 0
  return (progress) => {
    const percent =
      progress.fraction === undefined ? '' : ` ${Math.floor(progress.fraction * 100)} %`
    if (stream.isTTY) {
      const newPhase = phase !== '' && phase !== progress.phase
      stream.write(
        `${newPhase ? '\n' : ''}\r\u001b[K${progress.phase}${percent}${progress.fraction === 1 ? '\n' : ''}`,
      )
      phase = progress.fraction === 1 ? '' : progress.phase
      return
    }
    const now = Math.floor((progress.fraction ?? 0) * 4)
    if (progress.phase === phase && now === quarter) return
    phase = progress.phase
    quarter = now
    stream.write(`${phase}${percent}\n`)
  }
}

/** Reads `[12/186]` (Ninja) and `[ 34%]` (make) from a line of build output. */
export function buildFraction(line: string): number | undefined {
  const ninja = /^\[(\d+)\/(\d+)\]/.exec(line)
  if (ninja) return Number(ninja[1]) / Number(ninja[2])
  const make = /^\[\s*(\d+)%\]/.exec(line)
  return make ? Number(make[1]) / 100 : undefined
}
