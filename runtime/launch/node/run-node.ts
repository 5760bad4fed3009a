import { setTimeout as delay } from 'node:timers/promises'
import { splitHostPort } from '../../addresses.js'
import { exitCodeOf, FiresteelError, isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { denyCoreDumps } from '../../process/core-dumps.js'
import { requireDescriptors } from '../../process/descriptor-budget.js'
import { type PortHolder, portHolder } from '../../process/port-holder.js'
import { writePrivately } from '../../process/private-files.js'
import { codedError } from '../../system-error.js'
import { within } from '../../timers.js'
import type { NodeEvent, NodeSpec, RunningNode } from './node-spec.js'
import { watchUncaught } from './uncaught.js'

/**
 * Starts the node of a specification in this process. A Worker loads no code of a Master, nor the reverse.
 */
export async function runNode(spec: NodeSpec, tell: (event: NodeEvent) => void): Promise<RunningNode> {
  requireDescriptors(spec.masters.length)
  if (spec.role === 'master') {
    const { startMasterNode } = await code.master()
    return startMasterNode(spec, tell)
  }
  const { startWorkerNode } = await code.worker()
  return startWorkerNode(spec, tell)
}

const code = {
  master: () => import('./node-master.js'),
  worker: () => import('./node-worker.js'),
} as const

/** Loads what a node of this role will run, while its specification is on its way. */
export async function loadCode(role: string | undefined): Promise<void> {
  if (role === 'master' || role === 'worker') await code[role]()
}

const LEFTOVER_LOOK_MS = innerLimits.leftoverNodeLookMs

/**
 * Starts the node. Where the process that was this node before still has its port, it waits: its launcher was
 * killed, so that it stops by itself.
 */
async function startNode(spec: NodeSpec, tell: (event: NodeEvent) => void): Promise<RunningNode> {
  const untilMs = performance.now() + limits.leftoverNodeMs
  for (;;) {
    try {
      return await runNode(spec, tell)
    } catch (error) {
      const holder = holderOf(error)
      if (!holder || !isFormer(spec, holder) || performance.now() > untilMs) throw withHolder(error, holder)
      await delay(LEFTOVER_LOOK_MS)
    }
  }
}

function holderOf(error: unknown): PortHolder | undefined {
  if (!isFiresteelError(error, 'PORT_IN_USE') || error.place === undefined) return undefined
  return portHolder(splitHostPort(error.place).port)
}

const isFormer = ({ role, name }: NodeSpec, { command, folder }: PortHolder): boolean =>
  folder === process.cwd() && command === `firesteel ${role} ${name}`

/**
 * Names who has the port that this node needs: often another cluster of the same user, which can be used
 * instead.
 */
function withHolder(error: unknown, holder: PortHolder | undefined): unknown {
  if (!isFiresteelError(error, 'PORT_IN_USE') || error.place === undefined || !holder) return error
  const { pid, command, folder } = holder
  const by = folder === undefined ? '' : `, of the cluster in ${folder}`
  const message = `The port ${error.place} is in use by process ${pid} (${command.slice(0, 80)})${by}.`
  const help =
    folder === undefined
      ? error.help
      : `Use that cluster: run commands in ${folder}. Or stop it there with \`firesteel down\`, or choose other ports: --port 0 --web 0, or \`port: 0\` and \`web: 0\` of the node in its file.`
  return new FiresteelError('PORT_IN_USE', message, { place: error.place, help, cause: error })
}

async function warnOfDumps({ logging, role, name }: NodeSpec, reason: string): Promise<void> {
  const { createLogger } = await import('../../observe/logger.js')
  const log = createLogger({ ...logging, fields: { role, node: name } })
  log.warn('a core dump of this process would hold the secret, and cannot be turned off', { reason })
}

const never = new Promise<never>(() => {})

/** Looks, and does not wait. */
const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), Promise.resolve(false)])

/**
 * SIGUSR2, or the cluster asks for it: the node ends, and its supervisor starts it again. What a Worker runs
 * lives on meanwhile. `done` resolves when the node has ended so, and rejects if it can neither end so nor go
 * on.
 */
function watchRestart(nodeNow: () => RunningNode | undefined): {
  done: Promise<void>
  ask(): void
  close(): void
} {
  let onSignal = (): void => undefined
  const done = new Promise<void>((resolve, reject) => {
    onSignal = () => {
      const node = nodeNow()
      // A Master hands over its leadership when it stops. A node that is starting has nothing to leave.
      const end = node?.handOver ? node.handOver() : node?.stop()
      end?.then(resolve, (error: unknown) => {
        if (!isFiresteelError(error, 'RESTART_REFUSED')) reject(error)
      })
    }
  })
  done.catch(() => undefined)
  process.on('SIGUSR2', onSignal)
  return { done, ask: onSignal, close: () => process.off('SIGUSR2', onSignal) }
}

/**
 * Runs a node until `stop` resolves, then stops it in order. Rejects with a coded error if the node cannot
 * run, or not go on. A Worker that drains before its stop goes on for so long, until `now` resolves as well.
 * `onRunning` is called once it has started. The process belongs to the node: if the node fails, the process
 * ends within `nodeEndMs` with the exit code of the error, even if the caller does not end it.
 */
export async function runNodeUntil(
  spec: NodeSpec,
  tell: (event: NodeEvent) => void,
  stop: Promise<void>,
  onRunning: (node: RunningNode) => void = () => undefined,
  now: Promise<unknown> = never,
): Promise<void> {
  const uncaught = watchUncaught()
  writePrivately()
  const dumping = denyCoreDumps()
  let node: RunningNode | undefined
  const restart = watchRestart(() => node)
  const onHangUp = (): void => node?.reload?.()
  process.on('SIGHUP', onHangUp)
  try {
    node = await Promise.race([startNode(spec, tell), uncaught.failed])
    node.onRestartAsked = restart.ask
    onRunning(node)
    // Mostly the launcher has turned them off, and there was nothing to do.
    void dumping.then((problem) => (problem === undefined ? undefined : warnOfDumps(spec, problem)))
    const failed = Promise.race([node.failed, uncaught.failed])
    await Promise.race([stop, restart.done, failed])
    const isLeft = await isSettled(restart.done)
    if (node.drain && !isLeft && !(await isSettled(now)))
      await Promise.race([node.drain(), now, restart.done, failed])
    await Promise.race([node.stop(), failed])
    uncaught.close()
    restart.close()
    process.off('SIGHUP', onHangUp)
  } catch (error) {
    // A failed actor may be half-changed, so this node does not shut down in order. Its links close with the
    // process, and the guard of a Worker kills what it started.
    setTimeout(() => process.exit(exitCodeOf(codedError(error))), limits.nodeEndMs).unref()
    if (node) await within(node.abandon(error), limits.nodeEndMs / 2)
    throw error
  }
}
