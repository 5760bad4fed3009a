import { startWorkerNode } from './worker-fixture.js'

/* A Worker in a process of its own, to be killed: `node worker-process.js WORK_DIR MASTER`. */

const [workDir, master] = process.argv.slice(2)
if (workDir === undefined || master === undefined) throw new Error('WORK_DIR and MASTER are wanted')
const node = await startWorkerNode({ workDir, masters: [master] })
process.on('SIGTERM', () => {
  void node.close()
})
process.stdout.write('ready\n')
