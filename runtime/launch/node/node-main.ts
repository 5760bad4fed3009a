import { exitCodeOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { openNodeControl } from '../../process/node-control.js'
import { codedError } from '../../system-error.js'
import { errorRecord } from '../cli/error-record.js'
import { readSpec } from './node-pipe.js'
import type { NodeEvent, NodeOrder, RunningNode } from './node-spec.js'
import { loadCode, runNodeUntil } from './run-node.js'

/* The program of every node process. Its specification comes through the control pipe of its launcher. */

/** A second SIGTERM cuts a drain short. */
let hurry: () => void = () => undefined
const hurried = new Promise<void>((resolve) => {
  hurry = resolve
})

const stop = new Promise<void>((resolve) => {
  let isTold = false
  process.on('SIGTERM', () => {
    if (isTold) hurry()
    isTold = true
    resolve()
  })
  // A launcher in the foreground gets the signal too, and stops its nodes in order.
  process.on('SIGINT', () => undefined)
  // Until the node runs, which then listens to it.
  process.on('SIGUSR2', () => undefined)
})

async function main(): Promise<number> {
  // What fails here fails again, and is reported, where the code is needed.
  loadCode(process.argv[3]).catch(() => undefined)
  const control = await openNodeControl()
  try {
    const spec = readSpec(control.spec)
    process.title = `firesteel ${spec.role} ${spec.name}`
    const end = Promise.race([stop, control.launcherGone])
    const tell = (event: NodeEvent): void => control.send(event)
    const onRunning = (node: RunningNode): void =>
      control.onMessage((order) => node.observed(order as NodeOrder))
    // Without its launcher nobody starts it again, so it ends as fast as it can in order.
    await runNodeUntil(spec, tell, end, onRunning, Promise.race([hurried, control.launcherGone]))
    return 0
  } catch (error) {
    control.send({ event: 'failed', error: errorRecord(error) })
    return exitCodeOf(codedError(error))
  }
}

main().then(
  (code) => {
    // A failed node waits for nothing: its log is written, and its last events to the launcher are in the
    // kernel.
    if (code !== 0) process.exit(code)
    process.exitCode = code
    // A resource that a library left open must not keep a stopped node running.
    setTimeout(() => process.exit(), innerLimits.leftOpenGraceMs).unref()
  },
  (error: unknown) => {
    process.stderr.write(`${JSON.stringify({ error: errorRecord(error) })}\n`)
    process.exitCode = exitCodeOf(codedError(error))
  },
)
