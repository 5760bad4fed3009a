import type { Duplex } from 'node:stream'
import type { Redis } from './ioredis.js'

/**
 * Hears every error of every connection of this client. ioredis hears the first one, and that says why the
 * connection failed. A TLS socket may say another one: that the server's certificate is not trusted, and then
 * that what came with it cannot be read. An error that nobody hears ends the process.
 */
export function hearAllErrors(client: Redis): void {
  // ioredis has no public place between the making of a socket and its first error.
  const { connector } = client as unknown as { readonly connector: Connector }
  const dial = connector.connect.bind(connector)
  connector.connect = async (...args) => {
    const socket = await dial(...args)
    socket.on('error', () => undefined)
    return socket
  }
}

interface Connector {
  connect: (...args: readonly unknown[]) => Promise<Duplex>
}
