/** A Redis command as our code writes it. */
export type RedisArgument = string | number | Buffer

export interface RedisScript {
  readonly lua: string
  /** The name of the script for EVALSHA. */
  readonly sha1: string
}

/** Why a command has no reply. */
export type FailureKind =
  /** It never left this process. */
  | 'notSent'
  /** The server answered with an error. */
  | 'reply'
  /** A time-out or a broken link: it may run, even later. */
  | 'unknown'

/** A command that failed. `prefix` is the first word of an error reply, such as OOM. */
export class RedisFailure extends Error {
  override readonly name = 'RedisFailure'
  readonly kind: FailureKind
  readonly prefix: string

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
    this.prefix = kind === 'reply' ? prefixOf(message) : ''
  }
}

function prefixOf(message: string): string {
  // Redis 7.0 uses this text in a script for what it calls NOPERM elsewhere.
  if (message.startsWith("ERR The user executing the script can't")) return 'NOPERM'
  return /^-?([A-Z]+)\b/.exec(message)?.[1] ?? 'ERR'
}

/** The text of ioredis if it has not written the command. */
const notWritten = "Stream isn't writeable"

export function failureOf(error: unknown): RedisFailure {
  if (error instanceof RedisFailure) return error
  const { name = '', message = String(error) } = error instanceof Error ? error : {}
  if (name === 'ReplyError') return new RedisFailure('reply', message, error)
  const kind = message.startsWith(notWritten) ? 'notSent' : 'unknown'
  return new RedisFailure(kind, message, error)
}
