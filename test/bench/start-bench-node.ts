import { fileURLToPath } from 'node:url'
import type { NodeEvent, NodeSpec } from '../../runtime/launch/node/node-spec.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { startNode } from '../tools/start-node.js'

/** One node in a process of its own, as a launcher starts it. `nodeOptions`: flags of Node itself. */
export const startBenchNode = (
  spec: NodeSpec,
  nodeOptions: readonly string[],
  onEvent: (event: NodeEvent) => void,
): ReturnType<typeof startNode> =>
  startNode({
    script: fileURLToPath(new URL('../../runtime/launch/node/node-main.js', import.meta.url)),
    args: [],
    nodeOptions,
    spec,
    cwd: '/',
    env: childEnvironment({}),
    stdout: 'inherit',
    stderr: 'inherit',
    onEvent: (event) => onEvent(event as NodeEvent),
  })
