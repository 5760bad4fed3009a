import { limits } from '../limits.js'
import type { RedisOptions } from './ioredis.js'
import type { RedisTarget } from './target.js'

export interface ClientSettings {
  readonly target: RedisTarget
  /** Shown by CLIENT LIST. */
  readonly connectionName: string
  /** After this the caller gets a time-out. The command may still run later. */
  readonly commandTimeoutMs: number
  /** A server that owes an answer for this long is dialled anew. */
  readonly silenceMs: number
  /** Milliseconds until the next dial. It must return a number, or the client ends for ever. */
  readonly retryMs: () => number
}

/**
 * The settings that an election needs. The defaults would queue commands for hours and run them twice. There
 * is no auto-pipelining, because it holds every command back while an earlier batch is unanswered, and so
 * doubles the time-out.
 */
export function clientOptions(settings: ClientSettings): RedisOptions & { replyMapping: 'legacy' } {
  const { target, connectionName, commandTimeoutMs, silenceMs, retryMs } = settings
  const { username, password, db, tls } = target
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // Our own check asks for more, and its error says what to do.
    enableReadyCheck: false,
    disableClientInfo: true,
    replyMapping: 'legacy',
    connectionName,
    commandTimeout: commandTimeoutMs,
    socketTimeout: silenceMs,
    connectTimeout: limits.dialMs,
    // Its timer also runs for a stream that has already closed, and keeps a finished command for 2 s.
    disconnectTimeout: commandTimeoutMs,
    retryStrategy: retryMs,
    db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
    ...endpoint(target, commandTimeoutMs),
  }
}

function endpoint(target: RedisTarget, commandTimeoutMs: number): Omit<RedisOptions, 'replyMapping'> {
  if (target.kind === 'server') return { host: target.host, port: target.port }
  const { username, password } = target.sentinelCredentials
  return {
    name: target.name,
    sentinels: target.sentinels.map(({ host, port }) => ({ host, port })),
    failoverDetector: true,
    sentinelCommandTimeout: commandTimeoutMs,
    sentinelRetryStrategy: () => limits.storeBackoffMaxMs,
    sentinelReconnectStrategy: () => limits.redisIdleBackoffMaxMs,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(target.tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: { ...target.tls } }),
  }
}
