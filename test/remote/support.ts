import { afterEach } from 'vitest'
import { loadAddon } from '../../engine/native/load.ts'
import { serverAddress } from '../../engine/protocol/address.ts'
import { LIMITS, type Limits } from '../../engine/remote/index.ts'
import { Engine } from '../../engine/run/index.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { Watched } from '../run/support.ts'
import { MODEL, ScriptedServer, type ScriptedOptions } from '../support/scripted-server.ts'

/** Short pauses, so that attempts follow one another at once. */
export const QUICK: Limits = { ...LIMITS, pause: 5, longestPause: 40 }

const servers: ScriptedServer[] = []
const engines: Engine[] = []
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close()
  for (const server of servers.splice(0)) await server.kill()
})

export async function scripted(options: ScriptedOptions): Promise<ScriptedServer> {
  const server = await new ScriptedServer(options).listen()
  servers.push(server)
  return server
}

export function remoteEngine(
  limits: Partial<Limits> = {},
  keyOf?: (server: string) => string | undefined,
): Engine {
  const engine = new Engine({
    addon: loadAddon({ gpu: false }),
    version: 'test',
    serverLimits: { ...QUICK, ...limits },
    ...(keyOf !== undefined && { keyOf }),
  })
  engines.push(engine)
  return engine
}

export const addressOf = ({ url }: ScriptedServer): string =>
  serverAddress({ server: url, name: MODEL })

/** Starts a run on a scripted server. */
export function think(
  engine: Engine,
  server: ScriptedServer,
  settings: RunRequest['settings'],
  problem = 'How much is 6 times 7?',
): Watched {
  return new Watched(engine.think({ problem, model: addressOf(server), settings }))
}
