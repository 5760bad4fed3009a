import type { LaunchDriver } from '../../actors/messages/drivers.js'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import { workerOffer } from '../../actors/messages/samples.js'
import type { Message } from '../../runtime/system/ref.js'
import { Peer, type PeerPlace, type Received } from './peer.js'

const FROM = '/user/Worker'
const CORES = 8

/**
 * A Worker on which no executor starts, like one that does not see the application's folder. It has no
 * capacity for drivers: a driver without supervision would end there, and that would be no fault of the
 * cluster.
 */
export class BadWorker {
  /** The number of executors that it was asked to start. */
  launches = 0
  readonly #peers: Peer[] = []
  #change = 0
  #isOver = false

  /** Registers with the Master that leads. */
  static async start(places: readonly PeerPlace[]): Promise<BadWorker> {
    const worker = new BadWorker()
    for (const place of places) {
      const peer = await Peer.dial(place, 'node', (message, from) => worker.#received(message, from)).catch(
        () => undefined,
      )
      if (peer) worker.#peers.push(peer)
    }
    return worker
  }

  close(): void {
    this.#isOver = true
    for (const peer of this.#peers) peer.close()
  }

  #received(message: Received, peer: Peer): void {
    if (this.#isOver) return
    const id = peer.incarnation
    switch (message.type) {
      case 'MasterChanged':
      case 'ReconnectWorker':
        this.#tell(peer, {
          type: 'RegisterWorker',
          ...workerOffer,
          id,
          name: 'bad',
          port: 9,
          cores: CORES,
          memoryMib: 65_536,
        })
        return
      case 'RegisteredWorker':
        this.#tell(peer, { type: 'WorkerLatestState', id, executors: [], drivers: [] })
        return
      case 'LaunchExecutor':
        this.#refuse(peer, message as unknown as LaunchExecutor)
        return
      case 'LaunchDriver':
        this.#hasNoCapacity(peer, message as unknown as LaunchDriver)
        return
    }
  }

  #refuse(peer: Peer, { appId, execId }: LaunchExecutor): void {
    this.launches++
    this.#tell(peer, {
      type: 'ExecutorStateChanged',
      workerId: peer.incarnation,
      change: ++this.#change,
      appId,
      execId,
      state: 'FAILED',
      message: 'this Worker starts nothing',
    })
  }

  #hasNoCapacity(peer: Peer, { driverId, generation }: LaunchDriver): void {
    this.#tell(peer, {
      type: 'DriverStateChanged',
      workerId: peer.incarnation,
      change: ++this.#change,
      driverId,
      generation,
      attempt: 1,
      state: 'ERROR',
      noRoom: true,
    })
  }

  #tell(peer: Peer, message: Message & Record<string, unknown>): void {
    peer.tell('/user/Master', FROM, message)
  }
}
