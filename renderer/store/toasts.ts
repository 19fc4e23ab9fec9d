import { create } from 'zustand'
import type { MessageKey, Vars } from '../i18n/index.ts'
import { failureWords } from '../i18n/wording.ts'

export interface Toast {
  id: number
  kind: 'info' | 'bad'
  message: [MessageKey, Vars?]
  action?: { label: MessageKey; run: () => unknown }
}

export const useToasts = create<{ toasts: Toast[] }>(() => ({ toasts: [] }))
let next = 1

/** How long a toast stays, in milliseconds, unless it is pointed at or has the focus. */
export const TOAST_MS = { info: 10_000, bad: 30_000 } as const
const MOST = 3

/** Shows a toast for a while. A fourth one replaces the oldest. */
export function toast(what: Omit<Toast, 'id' | 'kind'> & { kind?: Toast['kind'] }): void {
  const id = next++
  useToasts.setState(({ toasts }) => ({
    toasts: [...toasts.slice(1 - MOST), { kind: 'info', ...what, id }],
  }))
}

export function dismiss(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((item) => item.id !== id) }))
}

/** Shows the error of a promise that fails. */
export function report(promise: Promise<unknown>): void {
  promise.catch((error: unknown) =>
    toast({ kind: 'bad', message: ['error.plain', { message: failureWords(error) }] }),
  )
}
