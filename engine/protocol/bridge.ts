import { z } from 'zod'
import { DataPart, METHODS, RunId, type Channel } from './wire.ts'

/**
 * The bridge between the page and the desktop shell, as one table per direction. The shell's main
 * process validates arguments and answers the calls; the page validates results and pushes. The
 * preload (`BridgePort`) only forwards.
 */

const text = z.string().max(200)
const nothing = z.void()

/** Groups of commands, in the order in which they are listed. */
export const COMMAND_GROUPS = ['app', 'compose', 'run', 'path', 'view', 'export'] as const
export type CommandGroup = (typeof COMMAND_GROUPS)[number]

export const CommandId = z
  .string()
  .regex(/^[A-Za-z]+(\.[A-Za-z]+)+$/)
  .max(64)

/** The page's current list of commands, and the titles of the menus. */
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

/** A file that the user opened: on the command line, by a double click or in the Open dialog. */
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

/** Calls from the page to the shell. */
export const BRIDGE_CALLS = {
  /** Shows the system's open dialog for a GGUF file; null if cancelled. */
  pickFile: call(nothing, z.string().nullable()),
  /** Shows the system's open dialog for a folder; null if cancelled. */
  pickFolder: call(nothing, z.string().nullable()),
  /**
   * Shows the system's save dialog; false if cancelled, or if saving failed (the shell then reports
   * the error).
   */
  saveFile: call(
    z.object({ name: z.string().min(1).max(255), mimeType: z.string(), content: z.string() }),
    z.boolean(),
  ),
  /** Opens a link that the user confirmed. Fails for an address that `safeUrl` refuses. */
  openExternal: call(z.string(), nothing),
  /** Shows a part of the data folder in the system's file manager. */
  openFolder: call(DataPart, nothing),
  /**
   * Stores the hub's token in the system's keychain and sends it to each new engine; null removes
   * it. false: no keychain.
   */
  rememberToken: call(METHODS['hub.token'].params.shape.token, z.boolean()),
  /**
   * Stores the key of a server in the system's keychain and gives it to each new engine; null removes
   * it. false: no keychain.
   */
  rememberKey: call(METHODS['servers.key'].params, z.boolean()),
  /** Sets the commands of the menu bar; `command` is pushed when the user chooses one. */
  setMenu: call(PageMenu, nothing),
  /** Tells the shell that the page is ready to receive files. */
  ready: call(nothing, nothing),
} as const
export type BridgeCall = keyof typeof BRIDGE_CALLS
export type BridgeArgument<C extends BridgeCall> = z.output<(typeof BRIDGE_CALLS)[C]['argument']>
export type BridgeResult<C extends BridgeCall> = z.output<(typeof BRIDGE_CALLS)[C]['result']>

/** Pushes from the shell to the page. */
export const BRIDGE_PUSHES = {
  /** The user chose a command in the menu bar. */
  command: CommandId,
  /** The user opened a file through the system. */
  file: GivenFile,
  /** The user asked to see a run, for example by clicking a notification. */
  show: RunId,
} as const
export type BridgePush = keyof typeof BRIDGE_PUSHES
export type BridgeValue<P extends BridgePush> = z.output<(typeof BRIDGE_PUSHES)[P]>

/** What the preload exposes as `window.braidShell`. It forwards any name, without validation. */
export interface BridgePort {
  /** Opens a new connection to the engine host. */
  connect(): Channel
  call(name: string, argument: unknown): Promise<unknown>
  /** Sets the listener, replacing any earlier one. */
  listen(listener: (name: unknown, value: unknown) => void): void
  /** Returns the path of a dropped `File`; '' if it is not a file on disk. */
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

  /** Sets the listener for a push, replacing any earlier one. */
  on<P extends BridgePush>(name: P, listener: (value: BridgeValue<P>) => void): void {
    this.#listeners.set(name, { schema: BRIDGE_PUSHES[name], listener })
  }
}
