import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { get } from 'node:http'
import type { Socket } from 'node:net'
import { probe } from '../harness/probe.js'
import { waitUntil } from '../harness/wait-until.js'

/*
 * Code of a test inside a node of a real cluster, by Node's own debugger (SIGUSR1): so the product needs no
 * hook for clocks that jump or loops that stall.
 */

/**
 * Evaluates an expression in a running Node process whose launcher has `anyDebuggerPort`. Rejects where it
 * throws, or is an object with an error.
 */
export async function evaluateIn(pid: number, expression: string): Promise<unknown> {
  const before = listeningPorts(pid)
  process.kill(pid, 'SIGUSR1')
  const { port, url } = await waitUntil(`process ${pid} to open its debugger`, async () => {
    const [port] = [...listeningPorts(pid)].filter((port) => !before.has(port))
    return port === undefined ? undefined : { port, url: await debuggerUrl(port) }
  })
  const socket = await upgrade(url.replace('ws:', 'http:'))
  try {
    return await evaluate(socket, 1, expression)
  } finally {
    // The next evaluation opens it again: SIGUSR1 does nothing while it is open.
    // `require` is there only while this is evaluated; the answer must leave first.
    await evaluate(socket, 2, `void setImmediate(require('node:inspector').close)`).catch(() => undefined)
    socket.destroy()
    await waitUntil('the debugger to close', () => !listeningPorts(pid).has(port))
  }
}

async function debuggerUrl(port: number): Promise<string> {
  const [target] = JSON.parse((await probe(`http://127.0.0.1:${port}/json/list`, 5000)).body) as [Target]
  return target.webSocketDebuggerUrl
}

const LISTEN_STATE = '0A'

/** Ports on which a process listens over IPv4; none where it has ended. */
function listeningPorts(pid: number): ReadonlySet<number> {
  try {
    const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)))
    const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1)
    const ports = rows.map((row) => {
      const [, local, , state, , , , , , inode] = row.trim().split(/\s+/)
      const isOwn = state === LISTEN_STATE && own.has(`socket:[${inode}]`)
      return isOwn ? Number.parseInt(local!.split(':')[1]!, 16) : undefined
    })
    return new Set(ports.filter((port) => port !== undefined))
  } catch {
    return new Set()
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // It was closed meanwhile.
    return ''
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
