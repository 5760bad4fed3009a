/**
 * How everybody logs. Cores, executors and libraries take a `Log` and import no more than this file; what stands
 * behind it is `createLogger` (winston) or `stderrLogger` (nothing).
 */
export const logLevels = { error: 0, warn: 1, info: 2, debug: 3 } as const

export type LogLevel = keyof typeof logLevels
export type LogFormat = 'json' | 'text'
/** Anything that JSON can hold; errors are written with code, message, stack and cause. */
export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  /** Per message of the protocol at most this level. A disabled level costs one comparison. */
  debug(message: string, fields?: LogFields): void
  /** Before fields that are dear to compute. */
  isEnabled(level: LogLevel): boolean
  /** The same log with more fields on each line, for example `{component: 'master'}`. */
  child(fields: LogFields): Log
}

/** The root log of a process. */
export interface Logger extends Log {
  child(fields: LogFields): Log
  /** For this log and all its children. */
  setLevel(level: LogLevel): void
  /** One line at once, past all buffers: the process is about to die. */
  fatal(message: string, fields?: LogFields): void
  /** Resolves when every line is with the operating system; what is logged later goes out by `fatal`. */
  close(): Promise<void>
}

/** Says nothing. */
export const silentLog: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  isEnabled: () => false,
  child: () => silentLog,
}
