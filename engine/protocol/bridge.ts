import { z } from 'zod'
import { METHODS, RunId, type Channel } from './wire.ts'

/**
 * The bridge between the page and the desktop shell: one table each way. The shell's main process answers the calls and
 * checks their arguments, the page checks what comes back and what is pushed; the preload (`BridgePort`) only carries.
 */

const text = z.string().max(200)
const nothing = z.void()

/** Groups of the catalogue of commands, in its order. */
export const COMMAND_GROUPS = ['app', 'compose', 'run', 'path', 'view', 'export'] as const
export type CommandGroup = (typeof COMMAND_GROUPS)[number]

export const CommandId = z
  .string()
  .regex(/^[A-Za-z]+(\.[A-Za-z]+)+$/)
  .max(64)

/** The page's catalogue of commands as it stands, and its words for the menus. */
export const PageMenu = z.object({
  commands: z
    .array(
      z.object({
        id: CommandId,
        title: text,
        group: z.enum(COMMAND_GROUPS),
        shortcut: text,
        enabled: z.boolean(),
      }),
    )
    .max(200),
  names: z.object({
    file: text,
    edit: text,
    view: text,
    run: text,
    path: text,
    window: text,
    help: text,
  }),
})
export type PageMenu = z.infer<typeof PageMenu>

/** A file that the user gave to the app: on the command line, by a double click, in the Open dialog. */
export const GivenFile = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('model'), path: z.string() }),
  z.object({ kind: z.literal('run'), name: z.string(), content: z.string() }),
  z.object({ kind: z.literal('bad'), name: z.string(), reason: z.string() }),
])
export type GivenFile = z.infer<typeof GivenFile>

const call = <A extends z.ZodType, R extends z.ZodType>(argument: A, result: R) => ({
  argument,
  result,
})

/** What the page asks of the shell. */
export const BRIDGE_CALLS = {
  /** The system's open dialog for a GGUF file; null: cancelled. */
  pickFile: call(nothing, z.string().nullable()),
  /** The system's open dialog for a folder; null: cancelled. */
  pickFolder: call(nothing, z.string().nullable()),
  /** The system's save dialog; false: cancelled, or not saved, which the shell has said. */
  saveFile: call(
    z.object({ name: z.string().min(1).max(255), mimeType: z.string(), content: z.string() }),
    z.boolean(),
  ),
  /** Opens a link that the user confirmed. Fails for an address that `safeUrl` refuses. */
  openExternal: call(z.string(), nothing),
  /** Keeps the hub's token in the system's keychain and hands it to the engine at every start; null forgets it. false: there is no keychain. */
  rememberToken: call(METHODS['hub.token'].params.shape.token, z.boolean()),
  /** The menu bar's commands; `command` is pushed when one is chosen. */
  setMenu: call(PageMenu, nothing),
  /** The page listens: it can be given files. */
  ready: call(nothing, nothing),
} as const
export type BridgeCall = keyof typeof BRIDGE_CALLS
export type BridgeArgument<C extends BridgeCall> = z.output<(typeof BRIDGE_CALLS)[C]['argument']>
export type BridgeResult<C extends BridgeCall> = z.output<(typeof BRIDGE_CALLS)[C]['result']>

/** What the shell tells the page. */
export const BRIDGE_PUSHES = {
  /** A command was chosen in the menu bar. */
  command: CommandId,
  /** The user opens a file by the system. */
  file: GivenFile,
  /** The user wants to see a run, such as by a notification. */
  show: RunId,
} as const
export type BridgePush = keyof typeof BRIDGE_PUSHES
export type BridgeValue<P extends BridgePush> = z.output<(typeof BRIDGE_PUSHES)[P]>

/** What the preload offers the page (`window.braidShell`). It knows no name and checks nothing. */
export interface BridgePort {
  /** A new connection to the engine host. */
  connect(): Channel
  call(name: string, argument: unknown): Promise<unknown>
  /** One listener: a second one takes the place of the first. */
  listen(listener: (name: unknown, value: unknown) => void): void
  /** Path of a dropped `File`; '': it is not one of the disk. */
  pathForFile(file: object): string
}

/** The page's end of the bridge. */
export class Bridge {
  readonly #port: BridgePort
  readonly #listeners = new Map<unknown, { schema: z.ZodType; listener: (value: never) => void }>()

  constructor(port: BridgePort) {
    this.#port = port
    port.listen((name, value) => {
      const entry = this.#listeners.get(name)
      const parsed = entry?.schema.safeParse(value)
      if (parsed?.success) entry!.listener(parsed.data as never)
    })
  }

  connect(): Channel {
    return this.#port.connect()
  }

  pathForFile(file: object): string {
    return this.#port.pathForFile(file)
  }

  async call<C extends BridgeCall>(
    name: C,
    ...[argument]: BridgeArgument<C> extends void ? [] : [argument: BridgeArgument<C>]
  ): Promise<BridgeResult<C>> {
    const result = await this.#port.call(name, argument)
    return BRIDGE_CALLS[name].result.parse(result) as BridgeResult<C>
  }

  /** One listener for each push. */
  on<P extends BridgePush>(name: P, listener: (value: BridgeValue<P>) => void): void {
    this.#listeners.set(name, { schema: BRIDGE_PUSHES[name], listener })
  }
}
