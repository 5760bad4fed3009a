import { claimFormer } from '../../actors/worker/restart/former-worker.js'
import { silentLog } from '../../runtime/observe/log.js'
import { startWorkerNode } from './worker-node.js'

/*
 * A Worker in a process of its own that restarts as announced: `node restart-process.js WORK_DIR MASTER
 * RESTART_MS STOP`. It prints each step of it, of the process that ends and of the one that begins, and stays
 * at the step STOP, to be killed there. With `STOP,guard` it kills its guard there, and goes on.
 */

const [workDir, master, restartMs, stop = ''] = process.argv.slice(2)
const [stopAt, victim] = stop.split(',')
if (workDir === undefined || master === undefined) throw new Error('WORK_DIR and MASTER are wanted')
const keepRunning = setInterval(() => undefined, 1000)

let node: Awaited<ReturnType<typeof startWorkerNode>> | undefined

async function step(name: string): Promise<void> {
  process.stdout.write(`${name}\n`)
  if (name !== stopAt) return
  const guard = node?.worker.guardPid
  if (victim === undefined || guard === undefined) await new Promise(() => undefined)
  else process.kill(guard, 'SIGKILL')
}

await step('begun')
const former = await claimFormer({ workDir, name: 'w1', cluster: 'test', log: silentLog })
await step(former ? 'claimed' : 'fresh')
node = await startWorkerNode(
  { workDir, masters: [master], ...(former && { incarnation: former.incarnation }) },
  { former, onRestartStep: step, times: { restartMs: Number(restartMs) } },
)
await step('ready')
process.on('SIGUSR2', async () => {
  await node?.worker.handOver(0)
  await step('left')
  clearInterval(keepRunning)
  process.exit(0)
})
process.on('SIGTERM', async () => {
  await node?.close()
  process.exit(0)
})
