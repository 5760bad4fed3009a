import { readFileSync } from 'node:fs'
import { exitCodeOf, FiresteelError } from '../../errors.js'
import { printableLines } from '../../observe/printable.js'
import { systemError } from '../../system-error.js'
import { main } from './cli.js'
import type { Console } from './console.js'

const interrupted = new AbortController()
const readerGone = new AbortController()
/** Why standard output did not take all, such as a full disk. */
let unwritten: NodeJS.ErrnoException | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const)
  process.on(signal, () => interrupted.abort(signal))
process.on('SIGHUP', () => {
  // A node reads its certificates again, and `run` passes it on. Else the terminal has closed.
  if (process.listenerCount('SIGHUP') === 1) interrupted.abort('SIGHUP')
})

/**
 * Removes characters from text that would act on a terminal. Bytes, such as the output of a driver, are
 * written as they are. A reader that went away (`| head`) is no error.
 */
function writer(stream: NodeJS.WriteStream): Console['out'] {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (stream !== process.stdout) return
    if (error.code === 'EPIPE') readerGone.abort()
    else unwritten ??= error
  })
  return (text) =>
    new Promise((resolve) => {
      const shown = typeof text === 'string' ? printableLines(text) : text
      if (stream.writable) stream.write(shown, () => resolve())
      else resolve()
    })
}

/** The folder may have been removed meanwhile. */
function workingFolder(): string {
  try {
    return process.cwd()
  } catch {
    process.stderr.write(
      'FIRESTEEL_FOLDER_MISSING: The working folder does not exist any more.\n  Run it elsewhere.\n',
    )
    process.exit(exitCodeOf(new FiresteelError('FOLDER_MISSING', '')))
  }
}

function argvBytes(): Buffer[] {
  try {
    const words = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1)
    return words.map((word) => Buffer.from(word, 'latin1'))
  } catch {
    return []
  }
}

const io: Console = {
  argv: process.argv.slice(2),
  argvBytes,
  cwd: workingFolder(),
  environment: process.env,
  stdin: process.stdin,
  out: writer(process.stdout),
  err: writer(process.stderr),
  interactive: process.stderr.isTTY === true,
  window: () => {
    const { isTTY, columns, rows } = process.stdout
    return isTTY ? { columns, rows } : undefined
  },
  interrupted: interrupted.signal,
  readerGone: readerGone.signal,
}

/** This file is imported while it runs, so it must not wait for itself: no `await` at its top. */
async function run(): Promise<void> {
  process.exitCode = await main(io)
  if (unwritten && process.exitCode === 0) {
    const error = systemError(unwritten, 'standard output')
    const { code, message, help } = error ?? new FiresteelError('INTERNAL', unwritten.message)
    process.stderr.write(`${code}: ${message}\n  ${help}\n`)
    process.exitCode = exitCodeOf(error)
  }
  // A pipe that nobody reads any more must not keep a finished command running.
  setTimeout(() => process.exit(), 2000).unref()
}

void run()
