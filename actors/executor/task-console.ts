import { Console } from 'node:console'
import { writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { format } from 'node:util'
import { innerLimits } from '../../runtime/inner-limits.js'
import { blockThread } from '../../runtime/pause.js'
import { OwnDate } from './own-globals.js'
import { type TaskContext, type TaskLogger, taskContexts } from './task.js'

const STDOUT = 1
const STDERR = 2
const AGAIN_MS = innerLimits.consoleAgainMs

/**
 * Writes synchronously and completely, so that a task's output survives an immediate end of its thread or
 * process.
 */
function writeAll(descriptor: number, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest))
    } catch (error) {
      // EAGAIN means that the pipe is full for now. Any other failure leaves no place to report it.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      blockThread(AGAIN_MS)
    }
  }
}

const prefixOf = ({ taskId, attempt }: TaskContext): string => `[task ${taskId} attempt ${attempt}] `

function prefixed(text: string): string {
  const current = taskContexts.getStore()
  if (current === undefined) return text
  const prefix = prefixOf(current)
  const body = text.endsWith('\n') ? text.slice(0, -1) : text
  return `${prefix}${body.replaceAll('\n', `\n${prefix}`)}\n`
}

const stream = (descriptor: number): Writable =>
  new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      writeAll(descriptor, prefixed(String(chunk)))
      done()
    },
  })

/** From now on all output of the global console carries task and attempt. */
export function installConsole(): void {
  const own = new Console({ stdout: stream(STDOUT), stderr: stream(STDERR) })
  for (const [name, method] of Object.entries(own)) {
    if (typeof method === 'function') (console as unknown as Record<string, unknown>)[name] = method
  }
}

type Level = keyof TaskLogger

function log(level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void {
  const rest = fields === undefined ? '' : ` ${format('%j', fields)}`
  writeAll(STDERR, prefixed(`${new OwnDate().toISOString()} ${level} ${message}${rest}\n`))
}

export const taskLogger: TaskLogger = {
  debug: (message, fields) => log('debug', message, fields),
  info: (message, fields) => log('info', message, fields),
  warn: (message, fields) => log('warn', message, fields),
  error: (message, fields) => log('error', message, fields),
}
