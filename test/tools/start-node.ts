import {
  type NodeBegin,
  type NodeProcess,
  type NodeProgram,
  prepareNode,
} from '../../runtime/process/node-process.js'

/** Starts a node whose specification is known. */
export async function startNode(options: NodeProgram & NodeBegin): Promise<NodeProcess> {
  const prepared = await prepareNode(options)
  return prepared.begin(options)
}
