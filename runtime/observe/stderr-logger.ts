import { type Log, type LogFields, type LogFormat, type LogLevel, logLevels } from './log.js'
import { formatLine } from './log-line.js'

export interface StderrLoggerOptions {
  /** Default `info`. */
  readonly level?: LogLevel
  /** Default `json`. */
  readonly format?: LogFormat
  readonly fields?: LogFields
  readonly stream?: NodeJS.WritableStream
  readonly wallMs?: () => number
}

/** A log for executors, whose start must be fast: the same lines as `createLogger`, but no library. */
export function stderrLogger(options: StderrLoggerOptions = {}): Log {
  const { level = 'info', format = 'json', fields = {}, stream = process.stderr, wallMs = Date.now } = options
  const threshold = logLevels[level]
  survivePipeEnd(stream)
  const write = (at: LogLevel, message: string, more: LogFields = {}): void => {
    if (logLevels[at] > threshold) return
    stream.write(
      `${formatLine(format, { wallMs: wallMs(), level: at, message, fields: { ...fields, ...more } })}\n`,
    )
  }
  return {
    error: (message, more) => write('error', message, more),
    warn: (message, more) => write('warn', message, more),
    info: (message, more) => write('info', message, more),
    debug: (message, more) => write('debug', message, more),
    isEnabled: (at) => logLevels[at] <= threshold,
    child: (more) => stderrLogger({ ...options, fields: { ...fields, ...more } }),
  }
}

const survivors = new WeakSet<object>()

/**
 * A reader of our stderr that goes away must not end the process: without a listener, EPIPE is an uncaught
 * error.
 */
export function survivePipeEnd(stream: NodeJS.WritableStream): void {
  if (survivors.has(stream)) return
  survivors.add(stream)
  stream.on('error', () => undefined)
}
