/**
 * The interface for all logging. Cores, executors and libraries take a `Log` and import only this file. The
 * implementation is `createLogger` (winston) or `stderrLogger` (no library).
 */
export const logLevels = { error: 0, warn: 1, info: 2, debug: 3 } as const

export type LogLevel = keyof typeof logLevels
export type LogFormat = 'json' | 'text'
/** Anything that JSON can hold. Errors are written with code, message, stack and cause. */
export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  /**
   * Messages about single protocol messages use this level at most. A disabled level costs one comparison.
   */
  debug(message: string, fields?: LogFields): void
  /** Ask this before you compute expensive fields. */
  isEnabled(level: LogLevel): boolean
  /** The same log with more fields on each line, for example `{component: 'master'}`. */
  child(fields: LogFields): Log
}

/** The root log of a process. */
export interface Logger extends Log {
  child(fields: LogFields): Log
  /** For this log and all its children. */
  setLevel(level: LogLevel): void
  /** Writes one line at once, past all buffers, because the process is about to end. */
  fatal(message: string, fields?: LogFields): void
  /** Resolves when the operating system has every line. Later lines are written as by `fatal`. */
  close(): Promise<void>
}

/** Logs nothing. */
export const silentLog: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  isEnabled: () => false,
  child: () => silentLog,
}
