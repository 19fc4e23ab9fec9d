import { copyFileSync, linkSync, renameSync, rmSync } from 'node:fs'
import { AppendFile, diskError } from '../files/index.ts'
import { formatOf, readEntries } from './lines.ts'

/**
 * Rewrites a transcript of format 1 in format 2, atomically: if this process is killed, the
 * transcript is complete in one format or the other. The old file stays as `kept`. Does nothing for
 * a transcript of format 2. The caller must hold the run's lock. Throws `bad-transcript` and disk
 * errors.
 */
export function upgrade(transcript: string, kept: string): void {
  if (formatOf(transcript) !== 1) return
  const temporary = `${transcript}.${process.pid}.tmp`
  try {
    rmSync(temporary, { force: true })
    const file = new AppendFile(temporary)
    try {
      for (const { entries } of readEntries(transcript))
        file.append(entries.map(({ text }) => text + '\n').join(''))
      file.sync()
    } finally {
      file.close()
    }
    keep(transcript, kept)
    renameSync(temporary, transcript)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw diskError(error, 'Converting a transcript')
  }
}

/** Keeps the old file. Some file systems have no hard links, so copying is the fallback. */
function keep(transcript: string, kept: string): void {
  rmSync(kept, { force: true })
  try {
    linkSync(transcript, kept)
  } catch {
    copyFileSync(transcript, kept)
  }
}
