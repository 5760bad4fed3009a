import type { MasterMessage } from '../../actors/messages/catalogue.js'
import { applicationDescription, workerOffer } from '../../actors/messages/samples.js'
import type { WireEnvelope } from '../../runtime/system/envelope.js'
import type { Message } from '../../runtime/system/ref.js'
import { dial } from '../../runtime/transport/dial.js'
import { newIncarnation, type Role } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import { LinkKeeper } from '../../runtime/transport/link-keeper.js'

export interface EndpointPlace {
  readonly cluster: string
  readonly secret: string
  readonly host: string
  readonly port: number
}

/**
 * Ten endpoints per machine, because a Master bounds the open handshakes of one address. All of 127/8 is
 * local on Linux.
 */
const machineOf = (number: number): string => `127.0.1.${1 + Math.floor(number / 10)}`

/**
 * A light Worker or application over a real socket. It sends what a real one sends to a Master, and starts no
 * process. Many fit into one process, so that a Master can be measured with a thousand of each.
 */
export abstract class Endpoint {
  readonly incarnation: string
  /** Messages that it received, by type. */
  readonly observedMessages = new Map<string, number>()
  readonly #keepers: readonly LinkKeeper[]
  readonly #name: string
  /** Link to the Master that sent last. */
  #link: Link | undefined
  #id = 0
  #dialsNoMore = false

  constructor(places: readonly EndpointPlace[], role: Role, number: number, name: string, actor: string) {
    this.incarnation = newIncarnation(name)
    this.#name = `/user/${actor}`
    this.#keepers = places.map(
      ({ host, port, cluster, secret }) =>
        new LinkKeeper({
          host,
          port,
          identity: { cluster, incarnation: this.incarnation },
          role,
          tls: undefined,
          key: deriveKey(secret, role),
          localAddress: machineOf(number),
          dialWith: (options) => (this.#dialsNoMore ? new Promise(() => undefined) : dial(options)),
          onLink: (link) => this.#linked(link),
        }),
    )
  }

  /** Has it a link to every Master now? */
  get isLinked(): boolean {
    return this.#keepers.every(({ link }) => link !== undefined)
  }

  /**
   * It keeps the links that it has. Thousands of ends in one process that dial a dead Master again and again
   * would take the processor from the Master that is measured. On machines of their own each dials for
   * itself.
   */
  dialNoMore(): void {
    this.#dialsNoMore = true
  }

  close(): void {
    for (const keeper of this.#keepers) keeper.close()
  }

  protected abstract received(message: Message & Record<string, unknown>): void

  protected tell(message: MasterMessage): void {
    const id = this.#id++
    const envelope: WireEnvelope = {
      from: this.#name,
      to: '/user/Master',
      message,
      id,
      trace: id,
      epoch: 0,
    }
    this.#link?.send(envelope)
  }

  #linked(link: Link): void {
    link.setReceiver({
      envelope: (raw) => {
        const { message } = raw as { message: Message & Record<string, unknown> }
        this.observedMessages.set(message.type, (this.observedMessages.get(message.type) ?? 0) + 1)
        this.#link = link
        this.received(message)
      },
      payload: () => {},
      closed: () => {},
      drain: () => {},
    })
  }
}

export class WorkerEndpoint extends Endpoint {
  readonly #number: number
  #registered = false

  constructor(places: readonly EndpointPlace[], number: number) {
    super(places, 'node', number, `w${number}`, 'Worker')
    this.#number = number
  }

  protected override received(message: Message): void {
    const id = this.incarnation
    if (message.type === 'MasterChanged' && this.#registered) {
      this.tell({ type: 'WorkerSchedulerStateResponse', id, executors: [], drivers: [] })
    } else if (message.type === 'MasterChanged' || message.type === 'ReconnectWorker') {
      this.tell({
        type: 'RegisterWorker',
        ...workerOffer,
        id,
        name: `w${this.#number}`,
        port: this.#number + 1,
        cores: 8,
        memoryMib: 16_384,
      })
    } else if (message.type === 'RegisteredWorker') {
      this.#registered = true
      this.tell({ type: 'WorkerLatestState', id, executors: [], drivers: [] })
    }
  }
}

export class ApplicationEndpoint extends Endpoint {
  appId: string | undefined

  constructor(places: readonly EndpointPlace[], number: number) {
    super(places, 'client', number, `a${number}`, 'ClientEndpoint')
  }

  protected override received(message: Message & Record<string, unknown>): void {
    const description = {
      ...applicationDescription,
      name: 'idle',
      // No executors: only the Master is measured.
      executorLimit: 0,
    }
    const registration = this.incarnation
    if (message.type === 'RegisteredApplication') {
      this.appId = message.appId as string
    } else if (message.type === 'MasterChanged' && this.appId) {
      this.tell({
        type: 'MasterChangeAcknowledged',
        appId: this.appId,
        registration,
        description,
        listen: { port: 1 },
        executors: [],
        highestExecId: -1,
      })
    } else if (message.type === 'MasterChanged') {
      this.tell({ type: 'RegisterApplication', registration, description, listen: { port: 1 } })
    }
  }
}
