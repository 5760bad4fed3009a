import { setTimeout as delay } from 'node:timers/promises'
import type { MasterClient } from '../../actors/client/master-client.js'
import { isFiresteelError } from '../../runtime/errors.js'
import type { ClusterNode, TestCluster } from '../harness/index.js'
import { newClient } from '../tools/load/stage.js'
import type { Submissions } from '../tools/load/submissions.js'
import { agentFor, statusOf } from './leader-watch.js'

/** Long enough to be in the frozen Master's socket, and over before another one leads. */
const LEFT_MS = 300
const LISTEN_MS = 500

/**
 * What a frozen leader meets when it wakes: a submission that came meanwhile, and a question whether it
 * leads. It must answer neither as it would have before.
 */
export class FrozenLeader {
  readonly #node: ClusterNode
  readonly #client: MasterClient
  readonly #ca: string | undefined
  readonly #left: string[] = []
  #claim: Promise<number> | undefined

  private constructor(node: ClusterNode, client: MasterClient, ca: string | undefined) {
    this.#ca = ca
    this.#node = node
    this.#client = client
  }

  /** Called while it still runs, because its client must be linked to it. */
  static async of(node: ClusterNode, cluster: TestCluster): Promise<FrozenLeader> {
    const client = newClient(cluster)
    await client.request({ type: 'RequestMasterState' })
    return new FrozenLeader(node, client, cluster.ca)
  }

  /** Sends it a submission that nobody repeats. Returns its key. */
  async leaveOrder(submissions: Submissions, key: string): Promise<string> {
    this.#claim = statusOf(`${this.#node.web}/leader`, agentFor(this.#ca, { keepAlive: true }), 60_000)
    this.#claim.catch(() => undefined)
    try {
      await this.#client.request(submissions.request(key), { timeoutMs: LEFT_MS })
    } catch (error) {
      if (isFiresteelError(error)) {
        this.#left.push(key)
        return key
      }
      throw error
    }
    throw new Error('a frozen Master accepted a submission')
  }

  /**
   * How often it claims to lead after SIGCONT. It must be 0; otherwise a page that was asked for before is
   * older than its end.
   */
  async claims(): Promise<number> {
    let claims = 0
    const first = await this.#claim?.catch(() => 0)
    if (first === 200) claims++
    const once = agentFor(this.#ca, { keepAlive: false })
    const untilMs = performance.now() + LISTEN_MS
    while (performance.now() < untilMs) {
      if ((await statusOf(`${this.#node.web}/leader`, once).catch(() => 0)) === 200) claims++
      await delay(2)
    }
    return claims
  }

  async close(): Promise<void> {
    await this.#client.close()
  }
}
