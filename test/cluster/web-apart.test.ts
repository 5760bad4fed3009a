import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect as dialTcp } from 'node:net'
import { type TestContext, test } from 'node:test'
import { firesteel, folder, type Ready, startUp } from '../tools/command-fixture.js'

/* HTTP of nodes that is off, and HTTP on an address that is not that of the actors. */

async function cluster(t: TestContext, master: string, worker: string, rest = '') {
  const cwd = await folder(t, {
    'c.yaml': `
cluster: test
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, ${master}}]
workers: [{name: w1, port: 0, cores: 1, memory: 1g, ${worker}}]
logging: {level: warn, format: text}
${rest}`,
  })
  const up = await startUp(t, cwd, ['c.yaml'])
  return { cwd, ready: await up.ready() }
}

/** The addresses on which a process listens, in the order of their ports, as `7F000001:1F90`. */
function listeners(pid: number): string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        // It was closed meanwhile.
        return []
      }
    }),
  )
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1)
  const LISTEN = '0A'
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/)
    return state === LISTEN && sockets.has(`socket:[${inode}]`) ? [local] : []
  })
}

const nodeOf = (ready: Ready, name: string) => {
  const node = ready.nodes.find((one) => one.name === name)
  assert.ok(node, name)
  return node
}

/** Whether something listens there. */
const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dialTcp({ host, port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const linux = { skip: process.platform !== 'linux' && 'it reads /proc, and needs 127.0.0.2' }

test('nodes without HTTP listen for actors only, work, and say that there are no pages', linux, async (t) => {
  const { cwd, ready } = await cluster(t, 'web: false', 'web: false')
  for (const name of ['m1', 'w1']) {
    const { pid, web } = nodeOf(ready, name)
    assert.equal(web, null)
    assert.equal(listeners(pid).length, 1, `${name}: ${listeners(pid)}`)
  }
  const ui = await firesteel(['ui', '--no-open'], { cwd })
  assert.equal(ui.code, 4, ui.stderr)
  assert.match(ui.stderr, /FIRESTEEL_HTTP_OFF: the Master that leads has no HTTP/)
  const job = await firesteel(['submit', '--wait', '--memory', '16m', '/bin/true'], { cwd })
  assert.equal(job.code, 0, job.stderr)
  // A restart of a Worker keeps its ports, and gains none.
  const restarted = await firesteel(['restart', 'worker', 'w1'], { cwd })
  assert.equal(restarted.code, 0, restarted.stderr)
})

test(
  'HTTP listens on its own address and the actors on theirs, and its pages name that address',
  linux,
  async (t) => {
    const apart = 'web: 0, webHost: 127.0.0.2'
    const { cwd, ready } = await cluster(t, apart, apart, 'monitoring: {pages: nobody}')
    for (const name of ['m1', 'w1']) {
      const { pid, address, web } = nodeOf(ready, name)
      const actors = Number(new URL(address.replace('firesteel:', 'http:')).port)
      const { hostname, port } = new URL(web ?? '')
      assert.equal(hostname, '127.0.0.2')
      assert.equal(listeners(pid).length, 2, `${name}: ${listeners(pid)}`)
      assert.deepEqual(
        [
          await answers('127.0.0.2', Number(port)),
          await answers('127.0.0.1', Number(port)),
          await answers('127.0.0.1', actors),
          await answers('127.0.0.2', actors),
        ],
        [true, false, true, false],
      )
      assert.equal((await fetch(`${web}/healthz`)).status, 200)
      for (const path of ['/', '/json/']) assert.equal((await fetch(web + path)).status, 401)
    }
    const { stdout } = await firesteel(['ui', '--no-open'], { cwd })
    assert.ok(stdout.startsWith(`${nodeOf(ready, 'm1').web}/session?ticket=`), stdout)
    assert.equal((await fetch(stdout.trim())).status, 200)
  },
)

test('an address of another machine for HTTP is refused with its name, and so is a value that is none', async (t) => {
  const cwd = await folder(t)
  const worker = ['worker', '--master', 'firesteel://127.0.0.1:1', '--port', '0']
  const env = { FIRESTEEL_SECRET: 'a secret of this test, and long enough' }
  const elsewhere = await firesteel([...worker, '--web', '0', '--web-host', '192.0.2.1'], { cwd, env })
  assert.equal(elsewhere.code, 2, elsewhere.stderr)
  assert.match(elsewhere.stderr, /FIRESTEEL_CONFIG_INVALID: HTTP cannot listen on 192\.0\.2\.1:0: /)
  const both = await firesteel([...worker, '--no-web', '--web-host', '127.0.0.1'], { cwd, env })
  assert.equal(both.code, 2, both.stderr)
  assert.match(both.stderr, /workers\[0\]\.webHost says where HTTP listens, and workers\[0\]\.web is false/)
  const none = await firesteel([...worker, '--web', 'off'], { cwd, env })
  assert.equal(none.code, 2, none.stderr)
})
