/** Channels between preload and main process. engine/protocol/bridge.ts defines what they carry. */
export const IPC = {
  /** Page to main, with a port: opens a connection to the engine host. */
  connect: 'braid:connect',
  /** Page to main: a name of BRIDGE_CALLS and its argument. */
  call: 'braid:call',
  /** Main to page: a name of BRIDGE_PUSHES and its value. */
  push: 'braid:push',
} as const
