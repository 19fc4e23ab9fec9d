import { Connection } from '../../engine/protocol/client.ts'
import { connectHost } from './channel.ts'
import type { Channel } from '../../engine/protocol/wire.ts'

/** Opens the window's connection to the engine host. Tests replace it before the app starts. */
let connect: () => Promise<Channel> = connectHost
export const setConnect = (how: () => Promise<Channel>): void => {
  connect = how
}
export const host = new Connection(() => connect())
