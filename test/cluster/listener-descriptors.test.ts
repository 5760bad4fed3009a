import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:https'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from '../../runtime/process/environment.js'
import { provenRaw } from '../tools/transport-support.js'

/* Strangers, and peers with the key of a client, must not take the descriptors of a node that has few. */

const program = fileURLToPath(new URL('./listener-descriptors-program.js', import.meta.url))

async function node(t: TestContext): Promise<{ readonly http: number; readonly links: number }> {
  const child = spawn('/bin/sh', ['-c', 'ulimit -n 256; exec "$0" "$1"', process.execPath, program], {
    env: childEnvironment(),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(async () => {
    child.stdin.end()
    await once(child, 'exit')
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return JSON.parse(line) as { http: number; links: number }
}

/** Connections of sixteen addresses, twice as many as the process may have. They never close. */
async function strangers(t: TestContext, port: number, says?: string): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: 512 }, (_, n) => {
    const at = { host: '127.0.0.1', port, localAddress: `127.0.0.${2 + (n % 16)}`, allowHalfOpen: true }
    const socket = connect(at, () => says !== undefined && socket.write(says))
    socket.on('error', () => undefined)
    return socket
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  // A socket that is ended at once may never connect, as far as it knows.
  const open = sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')]))
  await Promise.all(open.map((each) => each.catch(() => undefined)))
  return sockets
}

/** What the node says over HTTPS: how many more files it can open, and what it could not open so far. */
const files = (port: number): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const at = { host: '127.0.0.1', port, path: '/files', agent: false, rejectUnauthorized: false }
    const request = get({ ...at, timeout: 20_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.once('end', () => resolve(JSON.parse(text)))
    })
    request.once('timeout', () => request.destroy(new Error('the node does not answer')))
    request.once('error', reject)
  })

const healthy = { files: 40, shortages: [] }

test('silent connections to HTTPS leave a node its descriptors', async (t) => {
  const { http } = await node(t)
  await strangers(t, http)
  assert.deepEqual(await files(http), healthy)
})

test('connections that speak no TLS, and stay, leave a node its descriptors', async (t) => {
  const { http } = await node(t)
  await strangers(t, http, 'GET / HTTP/1.1\r\n\r\n')
  assert.deepEqual(await files(http), healthy)
})

test('silent connections to the port of links leave a node its descriptors', async (t) => {
  const { http, links } = await node(t)
  await strangers(t, links)
  assert.deepEqual(await files(http), healthy)
})

test('links over their bound, which do not close, leave a node its descriptors', async (t) => {
  const { http, links } = await node(t)
  for (let round = 0; round < 50; round++) {
    const peers = Array.from({ length: 8 }, async (_, n) => {
      const incarnation = `rogue-${round}-${n}`
      const socket = await provenRaw(links, { incarnation, role: 'client', allowHalfOpen: true })
      t.after(() => socket.destroy())
    })
    await Promise.allSettled(peers)
  }
  assert.deepEqual(await files(http), healthy)
})
