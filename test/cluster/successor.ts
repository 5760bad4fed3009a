import type { ClusterNode, TestCluster, WaitOptions } from '../harness/index.js'
import type { Leadership } from '../tools/redis-cluster.js'

/** Another owner leads, ALIVE. Gives its node. */
export async function successor(
  cluster: TestCluster,
  leadership: () => Promise<Leadership>,
  than: ClusterNode,
  epoch: number,
  options: WaitOptions = {},
): Promise<ClusterNode> {
  await cluster.waitUntil(
    'another to be elected',
    async () => {
      const now = await leadership()
      return now.epoch > epoch && !now.owner.startsWith(`${than.name}-`)
    },
    // Each look is a process.
    { everyMs: 50, ...options },
  )
  // The old one may say so for a moment longer.
  return cluster.waitUntil('another to be ALIVE', async () => {
    const next = await cluster.leader()
    return next && next.name !== than.name ? next : undefined
  })
}
