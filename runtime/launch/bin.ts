#!/usr/bin/env node
import { main } from './cli.js'
import type { Console } from './console.js'

const interrupted = new AbortController()
const readerGone = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort(signal))

/** A reader that went away (`| head`) is no error. */
function writer(stream: NodeJS.WriteStream): Console['out'] {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' && stream === process.stdout) readerGone.abort()
  })
  return (text) =>
    new Promise((resolve) => {
      if (stream.writable) stream.write(text, () => resolve())
      else resolve()
    })
}

const io: Console = {
  argv: process.argv.slice(2),
  cwd: process.cwd(),
  environment: process.env,
  stdin: process.stdin,
  out: writer(process.stdout),
  err: writer(process.stderr),
  interactive: process.stderr.isTTY === true,
  interrupted: interrupted.signal,
  readerGone: readerGone.signal,
}

process.exitCode = await main(io)
// A pipe that nobody reads any more must not keep a command that is done.
setTimeout(() => process.exit(), 2000).unref()
