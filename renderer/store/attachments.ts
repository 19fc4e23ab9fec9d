import { create } from 'zustand'
import { toast } from './toasts.ts'
import { visible } from '../ui/visible.ts'

/** A text that is asked about, kept apart from the question while it is written. */
export interface Attachment {
  name: string
  text: string
}

/** A pasted text of more characters becomes an attachment. */
export const LONG_PASTE = 4_000
/** The most characters of one attachment. */
const MAX_CHARS = 900_000

/** What is attached to the composer (`''`), or to the follow-up of a run. Lost on reload. */
export const useAttachments = create<Readonly<Record<string, readonly Attachment[]>>>(() => ({}))

export const NONE: readonly Attachment[] = []

export const attach = (to: string, ...added: Attachment[]): void =>
  useAttachments.setState((all) => ({ [to]: [...(all[to] ?? NONE), ...added] }))

export const detach = (from: string, attachment?: Attachment): void =>
  useAttachments.setState((all) => ({
    [from]:
      attachment === undefined ? NONE : (all[from] ?? NONE).filter((one) => one !== attachment),
  }))

/** Attaches files that hold text. Others are refused by name. */
export async function attachFiles(to: string, files: readonly File[]): Promise<void> {
  for (const file of files) {
    const name = visible(file.name).slice(0, 255)
    const text = file.size > 4 * MAX_CHARS ? null : decoded(await file.arrayBuffer())
    if (text === null || text.length > MAX_CHARS)
      toast({
        kind: 'bad',
        message: [
          text === null && file.size <= 4 * MAX_CHARS ? 'attach.binary' : 'attach.large',
          { name },
        ],
      })
    else attach(to, { name, text })
  }
}

/** Returns the text of a file; null if it is not UTF-8, or holds NUL. */
function decoded(bytes: ArrayBuffer): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return text.includes('\0') ? null : text
  } catch {
    return null
  }
}

/**
 * Returns the question as the model reads it: its words, then each attachment below its name, in a
 * fence that its own text cannot close.
 */
export function withAttachments(problem: string, attachments: readonly Attachment[]): string {
  const parts = attachments.map(({ name, text }) => {
    const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([run]) => run.length))
    const fence = '`'.repeat(longest + 1)
    return `${name}:\n${fence}${languageOfName(name)}\n${text.replace(/\n$/, '')}\n${fence}`
  })
  return [problem.trim(), ...parts].filter((part) => part !== '').join('\n\n')
}

/** Returns the ending of a file's name, which most highlighters know as a language. */
const languageOfName = (name: string): string => /\.([a-z0-9]{1,10})$/i.exec(name)?.[1] ?? ''
