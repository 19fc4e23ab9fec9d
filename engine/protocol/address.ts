/**
 * How a request names a model that is on a server, where another one has the path of a file: the
 * server's URL, `#`, and the model's name, percent-encoded.
 */
export interface ServerAddress {
  /** Base URL, without a last slash and without `/v1`. */
  server: string
  name: string
}

export const serverAddress = ({ server, name }: ServerAddress): string =>
  `${server}#${encodeURIComponent(name)}`

/** Returns where a model is on a server; null for the path of a file. */
export function onServer(place: string): ServerAddress | null {
  const [, server, name] = /^(https?:\/\/[^#\s]+)#(\S+)$/.exec(place) ?? []
  if (server === undefined || name === undefined) return null
  try {
    return { server, name: decodeURIComponent(name) }
  } catch {
    return null
  }
}
