import { readFileSync } from 'node:fs'
import { Redis } from '../../runtime/redis/ioredis.js'

export interface RedisAccess {
  readonly host: string
  readonly port: number
  readonly password: string | undefined
  /** Path of the CA of a server that speaks TLS. */
  readonly ca: string | undefined
}

/** Milliseconds until a server that does not answer has none. */
const ANSWER_MS = 10_000

/**
 * Runs one command on a connection of its own. Returns what redis-cli prints: a line for each value, or the
 * error of the server; nothing if there is no answer. It is no process, because a test that looks every 10 ms
 * would do little but start processes, and its own event loop stands still while one starts.
 */
export async function askRedis(
  access: RedisAccess,
  [command = '', ...args]: readonly string[],
): Promise<string> {
  const { host, port, password, ca } = access
  const client = new Redis({
    host,
    port,
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { tls: { ca: readFileSync(ca) } }),
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
  })
  // What goes wrong is told by the call as well.
  client.on('error', () => undefined)
  try {
    return linesOf(await client.call(command, args)).join('\n')
  } catch (error) {
    return error instanceof Error && error.name === 'ReplyError' ? error.message : ''
  } finally {
    client.disconnect()
  }
}

const linesOf = (reply: unknown): string[] =>
  Array.isArray(reply) ? reply.flatMap(linesOf) : [reply === null ? '' : String(reply)]
