import { FiresteelError } from '../errors.js'
import { failureOf } from './reply.js'

const denials: ReadonlySet<string> = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM'])
/** The texts of ioredis and of Node's TLS for bytes that no Redis sends. */
const notRedis = /^(Protocol error|Unknown RESP type)|SSL routines.*wrong version number/

/** The failure of a Redis as an error for people. */
export function codedError(error: unknown, place: string): FiresteelError {
  if (error instanceof FiresteelError) return error
  const { kind, prefix, message } = failureOf(error)
  const details = { place, cause: error }
  if (denials.has(prefix)) {
    return new FiresteelError('STORE_DENIED', `This Redis refuses us: ${message}`, details)
  }
  if (prefix === 'WRONGTYPE') {
    return new FiresteelError(
      'STORE_UNREADABLE',
      'A key of this cluster in Redis has a type that is not ours.',
      {
        ...details,
        help: 'Something else writes it. Rename it away or restore it from a backup; nothing was changed.',
      },
    )
  }
  if (notRedis.test(message)) {
    const text = 'What answers is not a Redis, or speaks TLS where none is expected, or the reverse.'
    const help = 'Check host and port; a Redis with TLS needs rediss://, one without it redis://.'
    return new FiresteelError('STORE_UNREADABLE', text, { ...details, help })
  }
  if (kind === 'reply' && message.includes('DB index is out of range')) {
    const help = 'Name a database that exists, or raise `databases` in redis.conf.'
    const text = `This Redis has no such database: ${message}`
    return new FiresteelError('STORE_UNSUITABLE', text, { ...details, help })
  }
  const help = 'Start this Redis, or correct its address. Nothing that was acknowledged is lost.'
  return new FiresteelError('STORE_UNAVAILABLE', `Redis does not answer: ${message}`, { ...details, help })
}
