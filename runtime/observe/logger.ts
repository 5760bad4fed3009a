import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type * as Winston from 'winston'
import { builtFile } from '../built-file.js'
import { innerLimits } from '../inner-limits.js'
import { within } from '../timers.js'
import { type LogFields, type LogFormat, type Logger, type LogLevel, logLevels } from './log.js'
import { formatLine } from './log-line.js'
import { survivePipeEnd } from './stderr-logger.js'
import { UnwrittenLines, writeNow } from './unwritten-lines.js'

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Fields of each line, for example the role and the name of a node. */
  readonly fields?: LogFields
  /** Fields that change, such as the message that is being handled. It is called for each line. */
  readonly moment?: () => LogFields
  /** Default: stderr, because stdout belongs to what commands print. */
  readonly stream?: NodeJS.WritableStream
  readonly wallMs?: () => number
}

interface Sink {
  readonly logger: Winston.Logger
  readonly transport: Winston.transport
}

/**
 * winston tests the level after formatting. Our test comes before everything and is shared with all children.
 */
interface Shared {
  /** Opened by the first line: winston is large, and most processes log nothing at their start. */
  sink: Sink | undefined
  readonly stream: NodeJS.WritableStream
  readonly format: LogFormat
  readonly wallMs: () => number
  readonly moment: (() => LogFields) | undefined
  /** Undefined: the stream is no standard error, and its owner keeps what it has. */
  readonly unwritten: UnwrittenLines | undefined
  threshold: number
  closing: Promise<void> | undefined
}

const CLOSE_MS = innerLimits.logCloseMs

/** The log of a process: one per process, with children per component. */
export function createLogger(options: LoggerOptions): Logger {
  const stream = options.stream ?? process.stderr
  survivePipeEnd(stream)
  const shared: Shared = {
    sink: undefined,
    stream,
    format: options.format,
    wallMs: options.wallMs ?? Date.now,
    moment: options.moment,
    unwritten: stream === process.stderr ? new UnwrittenLines(process.stderr) : undefined,
    threshold: logLevels[options.level],
    closing: undefined,
  }
  return loggerWith(shared, options.fields ?? {})
}

/** The build makes one file of it (test/setup/bundle.ts). */
const loadWinston = (): typeof Winston =>
  createRequire(import.meta.url)(fileURLToPath(builtFile('runtime/observe/winston.cjs')))

/**
 * Loads what the first line would otherwise load while its writer waits. Throws if it cannot be read now.
 */
export function prepareLogger(): void {
  loadWinston()
}

/**
 * The first line cannot wait for an import, so winston is required. Undefined if it cannot be read now, for
 * example because no descriptor is free: to log must never end the process that logs.
 */
function openSink({ stream, unwritten }: Shared): Sink | undefined {
  let winston: typeof Winston
  try {
    winston = loadWinston()
  } catch {
    return undefined
  }
  unwritten?.watch()
  const transport = new winston.transports.Stream({ stream: told(stream, unwritten), eol: '\n' })
  const logger = winston.createLogger({
    levels: logLevels,
    level: 'debug',
    exitOnError: false,
    // The line is made before winston sees it, because its formats cost more and mishandle fields called
    // `message`.
    format: winston.format((info) => Object.assign(info, { [Symbol.for('message')]: info.message }))(),
    transports: [transport],
  })
  return { logger, transport }
}

function loggerWith(shared: Shared, fields: LogFields): Logger {
  const lineOf = (level: LogLevel, message: string, more: LogFields | undefined): string =>
    formatLine(shared.format, {
      wallMs: shared.wallMs(),
      level,
      message,
      fields: { ...fields, ...shared.moment?.(), ...more },
    })
  const write = (level: LogLevel, message: string, more?: LogFields): void => {
    if (logLevels[level] > shared.threshold) return
    const line = lineOf(level, message, more)
    if (shared.closing === undefined) shared.sink ??= openSink(shared)
    if (shared.closing !== undefined || shared.sink === undefined) {
      writeAtOnce(shared.stream, line)
      return
    }
    shared.unwritten?.add(line)
    shared.sink.logger.log(level, line)
  }
  return {
    error: (message, more) => write('error', message, more),
    warn: (message, more) => write('warn', message, more),
    info: (message, more) => write('info', message, more),
    debug: (message, more) => write('debug', message, more),
    isEnabled: (level) => logLevels[level] <= shared.threshold,
    child: (more) => loggerWith(shared, { ...fields, ...more }),
    setLevel(level) {
      shared.threshold = logLevels[level]
    },
    fatal: (message, more) => writeAtOnce(shared.stream, lineOf('error', message, more)),
    close() {
      shared.closing ??= flush(shared)
      return shared.closing
    },
  }
}

function writeAtOnce(stream: NodeJS.WritableStream, line: string): void {
  if (stream === process.stderr) writeNow(line)
  else stream.write(`${line}\n`)
}

/** The same stream, whose writes are followed. */
function told(stream: NodeJS.WritableStream, unwritten: UnwrittenLines | undefined): NodeJS.WritableStream {
  if (unwritten === undefined) return stream
  const write = (): boolean => unwritten.write()
  return Object.create(stream, { write: { value: write } }) as NodeJS.WritableStream
}

async function flush({ sink, stream, unwritten }: Shared): Promise<void> {
  if (sink !== undefined) {
    const written = once(sink.transport, 'finish')
    sink.logger.end()
    await within(written, CLOSE_MS)
  }
  // winston's end means that its transport has written, an empty write that the stream has.
  const sent = async (): Promise<void> => {
    await unwritten?.emptied()
    await new Promise<void>((resolve) => stream.write('', () => resolve()))
  }
  await within(sent(), CLOSE_MS)
  // What a reader that has stopped did not take is tried once more at the end of the process.
  if (unwritten?.isEmpty) unwritten.unwatch()
}
