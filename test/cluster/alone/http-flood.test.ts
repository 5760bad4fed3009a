import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { get } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { limits } from '../../../runtime/limits.js'
import { waitUntil } from '../../harness/wait-until.js'
import { firesteel, folder, smallCluster, startUp } from '../../tools/command-fixture.js'

/*
 * Strangers at the HTTP port of a leader: it leads on, it keeps its descriptors, and work that is submitted
 * is done.
 */

interface Attack {
  readonly name: string
  readonly connections: number
  /** What one connection does; called again whenever more may be written. */
  readonly write: (send: (text: string) => boolean) => void
  readonly reads: boolean
}

const request = 'GET /json/ HTTP/1.1\r\nHost: localhost\r\n\r\n'
const burst = request.repeat(500)

const attacks: readonly Attack[] = [
  {
    name: '50 connections that pipeline without end',
    connections: 50,
    write(send) {
      while (send(burst)) {}
    },
    reads: true,
  },
  {
    name: '1,100 connections whose request never ends',
    connections: 1100,
    write: (send) => void send('GET / HTTP/1.1\r\nHost: '),
    reads: true,
  },
  {
    name: '100 connections that read no answer',
    connections: 100,
    write: (send) => void send(burst),
    reads: false,
  },
]

/** Runs until it is stopped; a connection that ends is made anew. Gives how to stop it. */
function run({ connections, write, reads }: Attack, port: number): () => void {
  const sockets = new Set<ReturnType<typeof connect>>()
  let stopped = false
  const open = (): void => {
    if (stopped) return
    const socket = connect({ port, host: '127.0.0.1' })
    sockets.add(socket)
    const more = (): void => write((text) => socket.writable && socket.write(text))
    socket.on('connect', more).on('drain', more)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      sockets.delete(socket)
      setTimeout(open, 20)
    })
    if (reads) socket.resume()
    else socket.pause()
  }
  for (let n = 0; n < connections; n++) open()
  return () => {
    stopped = true
    for (const socket of sockets) socket.destroy()
  }
}

/** Of one page, asked for from this address of ours. */
const statusFrom = (localAddress: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/healthz', localAddress, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).once('error', reject)
  })

/** Beside HTTP a small Master has a few dozen. */
const OTHER_DESCRIPTORS = 100

for (const attack of attacks) {
  test(attack.name, async (t) => {
    const cwd = await folder(t, { 'c.yaml': smallCluster(), 'job.mjs': 'process.exitCode = 0\n' })
    const up = await startUp(t, cwd, ['c.yaml'])
    const { nodes } = await up.ready()
    const [master] = nodes
    const port = Number(new URL(master!.web!).port)
    const descriptors = (): number => readdirSync(`/proc/${master!.pid}/fd`).length
    const stop = run(attack, port)
    t.after(stop)
    await waitUntil('the attack to be felt', () => /connection was refused/.test(up.stderr()))
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, descriptors())
    }, 20)
    t.after(() => clearInterval(watch))

    const done = await firesteel(['submit', '--wait', '--json', '--memory', '64m', 'job.mjs'], { cwd })
    assert.equal(done.code, 0, done.stderr)
    assert.match(done.stdout, /"FINISHED"/)
    // From another address the pages are there.
    await waitUntil('a page beside the attack', async () => (await statusFrom('127.0.0.2', port)) === 200)
    clearInterval(watch)
    stop()
    assert.ok(most > 0 && most <= limits.httpConnections + OTHER_DESCRIPTORS, `${most} descriptors`)
    const { stdout } = await firesteel(['status', '--json'], { cwd })
    assert.equal((JSON.parse(stdout) as { epoch: number }).epoch, 1, 'the same leadership')
    assert.ok(!up.lines.some(({ event }) => event === 'exited'))
  })
}
