import { hostname } from 'node:os'
import { MasterClient } from '../../../actors/client/master-client.js'
import type { LauncherOrder, OrderLauncher, RegisterLauncher } from '../../../actors/messages/launchers.js'
import { release } from '../../release.js'
import { TlsSource } from '../../tls/tls-source.js'
import { LAUNCHER_SUBJECT, newIncarnation } from '../../transport/identity.js'
import { deriveKey } from '../../transport/keys.js'
import { errorRecord } from '../cli/error-record.js'
import type { NodeTlsPlan } from '../config/deployment.js'
import { LauncherOrders } from './launcher-orders.js'

export interface LauncherLinkOptions {
  readonly cluster: string
  readonly masters: readonly string[]
  readonly secret: string
  /** It proves itself by the certificate of its nodes. Null: no TLS. */
  readonly tls: NodeTlsPlan | null
  /** The nodes that it runs now. */
  readonly nodes: () => RegisterLauncher['nodes']
  /** Resolves with what the order asks for, as JSON. `say`: what is being done now. */
  readonly carryOut: (order: LauncherOrder, say: (text: string) => void) => Promise<string | undefined>
}

/**
 * The link of a launcher to the Masters (protocol 15): it registers with each leader, and carries out what
 * the leader passes on.
 */
export class LauncherLink {
  readonly #options: LauncherLinkOptions
  readonly #client: MasterClient
  readonly #orders = new LauncherOrders()

  constructor(options: LauncherLinkOptions) {
    const { cluster, masters, secret, tls: files } = options
    const tls = files ? new TlsSource({ files, use: { isNode: true } }) : undefined
    this.#options = options
    this.#client = new MasterClient({
      cluster,
      masters,
      incarnation: newIncarnation('launcher'),
      credential: { role: 'node', subject: LAUNCHER_SUBJECT, key: deriveKey(secret, 'node'), tls },
      onLeader: () => this.register(),
      onMessage: (message) => {
        if (message.type === 'OrderLauncher') this.#take(message)
      },
    })
  }

  /** Call it whenever its nodes have changed. */
  register(): void {
    this.#client.tell({
      type: 'RegisterLauncher',
      id: this.#client.incarnation,
      host: hostname() || 'unknown',
      release: release(),
      nodes: this.#options.nodes(),
    })
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #take(message: OrderLauncher): void {
    const { id, order } = message
    if (this.#orders.take(message)) void this.#begin(id, order)
    this.#tell(id)
  }

  async #begin(id: string, order: LauncherOrder): Promise<void> {
    try {
      const say = (text: string): void => {
        this.#orders.says(id, text)
        this.#tell(id)
      }
      this.#orders.done(id, await this.#options.carryOut(order, say))
    } catch (error) {
      this.#orders.failed(id, errorRecord(error))
    }
    this.#tell(id)
  }

  /** Without a leader nobody hears it: who waits for the order asks again. */
  #tell(id: string): void {
    const standing = this.#orders.standing(id)
    if (!standing) return
    this.#client.tell({ type: 'LauncherOrderChanged', launcher: this.#client.incarnation, ...standing })
  }
}
