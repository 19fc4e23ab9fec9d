import type { ChildProcess } from 'node:child_process'
import WebSocket from 'ws'

/** The window of an app that was started with `--remote-debugging-port=0`, driven by Chromium's debugger, since Playwright does not support an Electron this old. */
export class DebuggedPage {
  readonly #socket: WebSocket
  readonly #waiting = new Map<
    number,
    (answer: { result?: Record<string, unknown>; error?: { message: string } }) => void
  >()
  #next = 1

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data) => {
      const { id, ...answer } = JSON.parse(String(data)) as {
        id: number
        result?: Record<string, unknown>
        error?: { message: string }
      }
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
  }

  static async of(app: ChildProcess): Promise<DebuggedPage> {
    let said = ''
    const port = await new Promise<string>((resolve, reject) => {
      app.stderr!.on('data', (chunk: Buffer) => {
        said += String(chunk)
        const found = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1]
        if (found !== undefined) resolve(found)
      })
      app.once('error', reject)
      app.once('exit', (code, signal) =>
        reject(new Error(`The app ended with ${code ?? signal}: ${said.slice(-2000)}`)),
      )
    })
    for (
      const start = Date.now();
      Date.now() - start < 60_000;
      await new Promise((resolve) => setTimeout(resolve, 100))
    ) {
      const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
        type: string
        url: string
        webSocketDebuggerUrl: string
      }[]
      const page = targets.find(({ type, url }) => type === 'page' && url.startsWith('braid://'))
      if (page === undefined) continue
      const socket = new WebSocket(page.webSocketDebuggerUrl)
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
      return new DebuggedPage(socket)
    }
    throw new Error(`No window was opened: ${said.slice(-2000)}`)
  }

  /** Evaluates an expression in the page and awaits its value. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.#send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value?: unknown }; exceptionDetails?: { text: string } }
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text)
    return result.value
  }

  async screenshot(): Promise<Buffer> {
    return Buffer.from(
      (await this.#send('Page.captureScreenshot', { format: 'png' })).data as string,
      'base64',
    )
  }

  close(): void {
    this.#socket.close()
  }

  async #send(method: string, params: object): Promise<Record<string, unknown>> {
    const id = this.#next++
    const { result, error } = await new Promise<{
      result?: Record<string, unknown>
      error?: { message: string }
    }>((resolve) => {
      this.#waiting.set(id, resolve)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
    if (error !== undefined) throw new Error(error.message)
    return result!
  }
}
