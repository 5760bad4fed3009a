import type { NodeEvent, NodeSpec, RunningNode } from './node-spec.js'

/** Starts the node of a specification in this process. A Worker loads no code of a Master, nor the reverse. */
export async function runNode(spec: NodeSpec, tell: (event: NodeEvent) => void): Promise<RunningNode> {
  if (spec.role === 'master') {
    const { startMasterNode } = await import('./node-master.js')
    return startMasterNode(spec, tell)
  }
  const { startWorkerNode } = await import('./node-worker.js')
  return startWorkerNode(spec, tell)
}

/**
 * Runs a node until `stop` resolves; rejects with a coded error when the node cannot run (on). `onRunning` is called
 * once it has started.
 */
export async function runNodeUntil(
  spec: NodeSpec,
  tell: (event: NodeEvent) => void,
  stop: Promise<void>,
  onRunning: (node: RunningNode) => void = () => undefined,
): Promise<void> {
  const node = await runNode(spec, tell)
  try {
    onRunning(node)
    await Promise.race([stop, node.failed])
  } finally {
    await node.stop()
  }
}
