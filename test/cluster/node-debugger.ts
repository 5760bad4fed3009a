import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { get } from 'node:http'
import type { Socket } from 'node:net'
import { probe } from '../harness/probe.js'
import { waitUntil } from '../harness/wait-until.js'

/*
 * Code of a test inside a node of a real cluster, by Node's own debugger (SIGUSR1): so the product needs no hook for
 * clocks that jump or loops that stall.
 */

/** Where SIGUSR1 opens it: it cannot be told another port. So one process after the other. */
const INSPECTOR = 'http://127.0.0.1:9229'

/** Evaluates an expression in a running Node process. Rejects where it throws, or is an object with an error. */
export async function evaluateIn(pid: number, expression: string): Promise<unknown> {
  process.kill(pid, 'SIGUSR1')
  const url = await waitUntil(`process ${pid} to open its debugger`, async () => {
    const [target] = JSON.parse((await probe(`${INSPECTOR}/json/list`, 500)).body) as Target[]
    return target?.webSocketDebuggerUrl
  })
  const socket = await upgrade(url.replace('ws:', 'http:'))
  try {
    if ((await evaluate(socket, 1, 'process.pid')) !== pid)
      throw new Error(`${INSPECTOR} is of another process`)
    return await evaluate(socket, 2, expression)
  } finally {
    // The next process wants the port.
    // `require` is there only while this is evaluated; the answer must leave first.
    await evaluate(socket, 3, `void setImmediate(require('node:inspector').close)`).catch(() => undefined)
    socket.destroy()
    await waitUntil('the debugger to close', () =>
      probe(`${INSPECTOR}/json/list`, 500).then(
        () => false,
        () => true,
      ),
    )
  }
}

interface Target {
  readonly webSocketDebuggerUrl: string
}

interface Answer {
  readonly id: number
  readonly result: {
    readonly result: { readonly value: unknown }
    readonly exceptionDetails?: { readonly text: string }
  }
}

function upgrade(url: string): Promise<Socket> {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  }
  return new Promise((resolve, reject) => {
    get(url, { headers }, (response) => reject(new Error(`the debugger answers ${response.statusCode}`)))
      .once('upgrade', (_, socket) => resolve(socket as Socket))
      .once('error', reject)
  })
}

/** One text frame there, one back: all that is needed of WebSocket. */
function evaluate(socket: Socket, id: number, expression: string): Promise<unknown> {
  const params = { expression, includeCommandLineAPI: true, returnByValue: true }
  socket.write(frame(JSON.stringify({ id, method: 'Runtime.evaluate', params })))
  let bytes = Buffer.alloc(0)
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      socket.off('data', onData).off('close', onClose)
      settle()
    }
    const onClose = (): void => finish(() => reject(new Error('the debugger has closed')))
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const text = payload(bytes)
      if (text === undefined) return
      const { result } = JSON.parse(text) as Answer
      const { exceptionDetails } = result
      finish(() =>
        exceptionDetails ? reject(new Error(exceptionDetails.text)) : resolve(result.result.value),
      )
    }
    socket.on('data', onData).once('close', onClose)
  })
}

function frame(text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.from([0x81, 0x80 | 126, body.length >> 8, body.length & 255])
  // A mask of zeros leaves the text as it is.
  return Buffer.concat([head, Buffer.alloc(4), body])
}

/** Of a whole frame shorter than 64 KiB; undefined while some of it is missing. */
function payload(bytes: Buffer): string | undefined {
  if (bytes.length < 4) return undefined
  const short = bytes[1]! & 127
  const [start, length] = short < 126 ? [2, short] : [4, bytes.readUInt16BE(2)]
  return bytes.length < start + length ? undefined : bytes.toString('utf8', start, start + length)
}

/** Keeps the loop of a process from turning for so long. */
export const blockLoop = (pid: number, ms: number): Promise<unknown> =>
  evaluateIn(pid, `(() => { const end = performance.now() + ${ms}; while (performance.now() < end); })()`)

/** Sets the wall clock of a process off by so much; 0 sets it right again. */
export const shiftClock = (pid: number, ms: number): Promise<unknown> =>
  evaluateIn(
    pid,
    `(() => {
      const Real = (globalThis.RealDate ??= Date)
      globalThis.Date = class extends Real {
        constructor(...args) { args.length > 0 ? super(...args) : super(Real.now() + ${ms}) }
        static now() { return Real.now() + ${ms} }
      }
      return Date.now() - Real.now()
    })()`,
  )
