import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { IPC } from '../../electron/ipc.ts'
import { answerRequests, tellPage } from '../../electron/requests.ts'
import {
  Bridge,
  BRIDGE_CALLS,
  type BridgeCall,
  type BridgePort,
} from '../../engine/protocol/bridge.ts'
import { compileShell } from '../../scripts/compile.ts'

type Listener = (event: object, ...values: unknown[]) => unknown

/** The bridge between preload and main process, with the test at both ends. */
const ipc = vi.hoisted(() => ({ handlers: new Map<string, Listener>(), opened: [] as string[] }))
vi.mock('electron', () => ({
  app: { getPath: () => '/' },
  dialog: { showOpenDialog: async () => ({ filePaths: ['/picked.gguf'] }) },
  ipcMain: {
    handle: (name: string, listener: Listener) => ipc.handlers.set(name, listener),
    on: (name: string, listener: Listener) => ipc.handlers.set(name, listener),
  },
}))

const ORIGIN = 'braid://app/'
let pushed: Listener
const webContents = {
  send: (_channel: string, name: unknown, value: unknown) => pushed({}, name, value),
}
const window = { webContents } as never
const own = { sender: webContents, senderFrame: { parent: null, url: ORIGIN }, ports: [] }
const invoke = async (event: object, name: unknown, argument?: unknown): Promise<unknown> =>
  ipc.handlers.get(IPC.call)!(event, name, argument)

let asked: unknown[]
beforeEach(() => {
  asked = []
  answerRequests({
    window: () => window,
    connect: () => asked.push('connect'),
    openLink: async (url) => void asked.push(url),
    openFolder: async (part) => void asked.push(part),
    setMenu: (menu) => void asked.push(menu),
    rememberToken: (token) => asked.push(token) > 0,
    rememberKey: ({ key }) => asked.push(key) > 0,
    ready: () => void asked.push('ready'),
  })
})

const port = (): BridgePort => ({
  connect: () => {
    throw new Error('not in this test')
  },
  call: (name, argument) => invoke(own, name, argument),
  listen: (listener) => {
    pushed = (_event, name, value) => listener(name, value)
  },
  pathForFile: () => '',
})
const MENU = {
  commands: [],
  names: { file: '', edit: '', view: '', run: '', path: '', window: '', help: '' },
}

describe('the bridge between page and shell', () => {
  it('carries calls and their results, typed by one table', async () => {
    const bridge = new Bridge(port())
    expect(await bridge.call('pickFile')).toBe('/picked.gguf')
    expect(await bridge.call('rememberToken', 'hf_x')).toBe(true)
    await bridge.call('openExternal', 'https://example.com/')
    await bridge.call('setMenu', MENU)
    await bridge.call('ready')
    expect(asked).toEqual(['hf_x', 'https://example.com/', MENU, 'ready'])
  })

  it('carries pushes, and drops what is not in the table', () => {
    const bridge = new Bridge(port())
    const got: unknown[] = []
    bridge.on('file', (file) => got.push(file))
    bridge.on('show', (run) => got.push(run))
    tellPage(window, 'show', 'run-1')
    tellPage(window, 'file', { kind: 'model', path: '/m.gguf' })
    tellPage(undefined, 'show', 'run-2')
    tellPage(window, 'command', 'app.new')
    for (const [name, value] of [
      ['show', '../x'],
      ['show', null],
      ['file', { kind: 'model' }],
      ['other', 'x'],
      ['__proto__', 'x'],
      [null, 'x'],
    ])
      pushed({}, name, value)
    expect(got).toEqual(['run-1', { kind: 'model', path: '/m.gguf' }])
  })

  it('refuses a result that is not of its call', async () => {
    const bridge = new Bridge({ ...port(), call: async () => ({ no: 'path' }) })
    await expect(bridge.call('pickFile')).rejects.toThrow()
  })

  it.each([
    ['another window', { ...own, sender: {} }],
    ['an embedded frame', { ...own, senderFrame: { parent: {}, url: ORIGIN } }],
    ['another page', { ...own, senderFrame: { parent: null, url: 'https://example.com/' } }],
    [
      'a page that looks like ours',
      { ...own, senderFrame: { parent: null, url: 'braid://app.x/' } },
    ],
    ['a frame that is gone', { ...own, senderFrame: null }],
  ])('answers no call of %s', async (_who, event) => {
    for (const name of Object.keys(BRIDGE_CALLS))
      await expect(invoke(event, name), name).rejects.toThrow(/may not make this call/)
    let closed = false
    ipc.handlers.get(IPC.connect)!({ ...event, ports: [{ close: () => (closed = true) }] })
    expect([closed, asked]).toEqual([true, []])
  })

  it.each(['toString', '__proto__', 'constructor', 'connect', '', 5, null, undefined, {}])(
    '%s is an unknown call',
    async (name) => {
      await expect(invoke(own, name)).rejects.toThrow('Unknown call.')
    },
  )

  it.each(Object.keys(BRIDGE_CALLS) as BridgeCall[])(
    '%s refuses what is not its argument',
    async (name) => {
      for (const argument of [
        null,
        5,
        [],
        { x: 1 },
        { name: '', mimeType: 'a', content: '' },
        { ...MENU, commands: 5 },
      ]) {
        if (BRIDGE_CALLS[name].argument.safeParse(argument).success) continue // null removes a token
        await expect(invoke(own, name, argument), JSON.stringify(argument)).rejects.toThrow()
      }
      expect(asked).toEqual([])
    },
  )

  it('the preload is small: it holds no schema', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'braid-preload-'))
    try {
      await compileShell(folder, { entryPoints: ['electron/preload.ts'], sourcemap: false })
      const text = readFileSync(join(folder, 'preload.cjs'), 'utf8')
      expect(text).toContain('braidShell')
      expect(text.length).toBeLessThan(5000)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
