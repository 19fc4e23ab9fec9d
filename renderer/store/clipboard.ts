import { toast } from './toasts.ts'

/** Copies text and says so, for screen readers too. */
export async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text)
  toast({ message: ['copied'] })
}
