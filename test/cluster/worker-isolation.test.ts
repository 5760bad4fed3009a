import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { waitUntil } from '../harness/wait-until.js'
import { launchDriver } from '../tools/worker-fixture.js'
import { FakeMaster, startWorkerNode, Workshop } from './worker-fixture.js'

/*
 * Isolation with real links and processes (protocol 8). W is 6 s: SIGTERM after 3 s, the guard at 4 s. So a
 * busy machine has a second until the guard kills a driver that has been asked to end.
 */

const workerTimeoutMs = 6000
const main = `
  import { writeFileSync } from 'node:fs'
  writeFileSync('pid', String(process.pid))
  process.on('SIGTERM', () => { writeFileSync('asked', 'SIGTERM'); process.exit(0) })
  setInterval(() => {}, 1000)`

async function running(more: string[] = [], ownTimeoutMs = workerTimeoutMs) {
  const workshop = await Workshop.make()
  const master = await FakeMaster.start()
  const settings = {
    workDir: workshop.workDir,
    masters: [master.address, ...more],
    workerTimeoutMs: ownTimeoutMs,
  }
  const node = await startWorkerNode(settings)
  await master.registered()
  const workerId = node.worker.incarnation
  const program = await workshop.program('driver.mjs', main)
  const description = { main: program, cwd: workshop.root, memoryMib: 128 }
  const stop = { supervise: true, onIsolation: 'stop' } as const
  master.tell(workerId, launchDriver(1, { ...description, ...stop }, { workerId }))
  await waitUntil('the driver', () => workshop.pids('pid').then(([pid]) => pid))
  return { workshop, master, node }
}

test('the only Master is dead, its address refuses: nobody can lead, and the driver runs on', async () => {
  const { workshop, master, node } = await running()
  const [pid] = await workshop.pids('pid')
  await master.close()
  const untilMs = performance.now() + workerTimeoutMs
  await waitUntil('W, longer than the guard would wait', () => {
    process.kill(pid!, 0)
    return performance.now() > untilMs
  })
  assert.equal(await workshop.read('asked'), '')
  await node.close()
  await workshop.remove()
})

test('another Master of the list takes connections and says nothing: it may lead, so the driver is asked to end', async () => {
  const sockets = new Set<Socket>()
  const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const { workshop, master, node } = await running([`firesteel://127.0.0.1:${port}`])
  await master.close()
  await waitUntil('SIGTERM', () => workshop.read('asked'))
  const ended = await waitUntil('its end', () => node.worker.status().finishedDrivers[0])
  assert.equal(ended.state, 'KILLED', 'not FINISHED, though it said exit 0')
  await node.close()
  for (const socket of sockets) socket.destroy()
  silent.close()
  await workshop.remove()
})

test('its own settings say an hour: it ends the driver by what its leader told it', async () => {
  const { workshop, master, node } = await running([], 3_600_000)
  const says = () => master.all('Heartbeat').map((sent) => sent.workerTimeoutMs)
  assert.deepEqual([...new Set(says())], [3_600_000])
  master.workerTimeoutMs = workerTimeoutMs
  // With its own it would beat every five minutes; each report is followed by a heartbeat.
  master.tell(node.worker.incarnation, {
    type: 'MasterChanged',
    master: master.address,
    web: null,
    masters: [master.address],
  })
  await waitUntil('a heartbeat that says so', () => says().includes(workerTimeoutMs))
  master.answers = false
  await waitUntil('SIGTERM', () => workshop.read('asked'))
  await node.close()
  await master.close()
  await workshop.remove()
})
