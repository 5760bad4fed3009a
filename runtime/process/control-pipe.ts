import type { Duplex } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { limits } from '../limits.js'

/** One JSON value per line, both ways, between two processes of ours on one machine. */
export interface ControlPipe {
  /** False if the other side is gone or reads too slowly: more than `controlLineBytes` wait. */
  send(message: unknown): boolean
  /** Sets the one listener. It also gets what came before. */
  onMessage(listener: (message: unknown) => void): void
  /** Ends our direction. The other side sees the end. */
  end(): void
  /** Resolves when the other side ended, died, or sent what is not JSON lines. */
  readonly ended: Promise<void>
  /** The pipe no longer keeps this process running. */
  unref(): void
}

export function controlPipe(stream: Duplex): ControlPipe {
  const decoder = new StringDecoder('utf8')
  const waiting: unknown[] = []
  let listener: ((message: unknown) => void) | undefined
  let rest = ''

  const deliver = (line: string): void => {
    if (line === '') return
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      stream.destroy()
      return
    }
    if (listener === undefined) waiting.push(message)
    else listener(message)
  }

  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) deliver(line)
    if (rest.length > limits.controlLineBytes || waiting.length > limits.mailboxMessages) stream.destroy()
  })
  const ended = new Promise<void>((resolve) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
  // The peer died. `ended` reports it.
  stream.on('error', () => stream.destroy())

  return {
    send(message) {
      if (!stream.writable || stream.writableLength > limits.controlLineBytes) return false
      stream.write(`${JSON.stringify(message)}\n`)
      return true
    },
    onMessage(next) {
      listener = next
      for (const message of waiting.splice(0)) next(message)
    },
    end: () => stream.end(),
    ended,
    unref: () => unrefStream(stream),
  }
}

/** Pipes of child processes are sockets, although their type says otherwise. */
export function unrefStream(stream: unknown): void {
  const socket = stream as { unref?: () => void } | null
  socket?.unref?.()
}
