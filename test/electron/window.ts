import type { Shell } from './support.ts'

interface Item {
  id: string
  label: string
  enabled: boolean
  accelerator: string | null
  menu: string
}

/** Returns all items of the menu bar. */
export const menu = (shell: Shell): Promise<Item[]> =>
  shell.app.evaluate(({ Menu }) =>
    Menu.getApplicationMenu()!.items.flatMap((top) =>
      (top.submenu?.items ?? [])
        .filter((item) => item.type !== 'separator')
        .map((item) => ({
          id: item.id ?? item.role ?? '',
          label: item.label,
          enabled: item.enabled,
          accelerator: (item.accelerator as string | undefined) ?? null,
          menu: top.label,
        })),
    ),
  )
export const click = (shell: Shell, id: string) =>
  shell.app.evaluate(({ Menu }, id) => Menu.getApplicationMenu()!.getMenuItemById(id)!.click(), id)
export const item = async (shell: Shell, id: string) =>
  (await menu(shell)).find((one) => one.id === id)
export const view = (shell: Shell) =>
  shell.page.evaluate(() => (globalThis as unknown as { location: { hash: string } }).location.hash)

/** Sends a request to the host over a separate connection in the page and returns the response. */
export function ask(shell: Shell, method: string, params: object = {}): Promise<unknown> {
  return shell.page.evaluate(
    async ([method, params]) => {
      const page = globalThis as unknown as {
        braidShell: {
          connect(): Promise<{
            send(m: unknown): void
            onMessage(l: (m: { id?: number; result?: unknown; error?: unknown }) => void): void
            close(): void
          }>
        }
      }
      const channel = await page.braidShell.connect()
      const answer = await new Promise<{ result?: unknown; error?: unknown }>((resolve) => {
        channel.onMessage((message) => message.id === 7 && resolve(message))
        channel.send({ id: 7, method, params })
      })
      channel.close()
      return answer.result ?? answer.error
    },
    [method, params] as const,
  )
}
