import { randomBytes } from 'node:crypto'
import { isFellow } from '../../actors/master/fellows.js'
import { masterRoutes } from '../../actors/master/json.js'
import { fixedMasterConfig } from '../../actors/master/master-config.js'
import { rehearse } from '../../actors/master/rehearsal.js'
import { type MasterMessage, nodeOnly, violation } from '../../actors/messages/catalogue.js'
import { systemClock } from '../clock.js'
import { FiresteelError } from '../errors.js'
import { recordBudgetBytes } from '../heap.js'
import { limits } from '../limits.js'
import { fewDescriptors } from '../process/descriptor-room.js'
import { systemTimers } from '../system/timers.js'
import { dial } from '../transport/dial.js'
import { deriveKey } from '../transport/keys.js'
import { type MasterRecovery, openRecovery } from './master-recovery.js'
import { MasterSeat, type MasterSeatOptions } from './master-seat.js'
import { NodeFrame } from './node-frame.js'
import type { MasterSpec, NodeEvent, NodeOrder, RunningNode, StartNode } from './node-spec.js'
import { within } from './within.js'

const MASTER = '/user/Master'
const WORKER = '/user/Worker'
const CLIENT = '/user/ClientEndpoint'

/** Starts a Master node in this process: its actors, ports and store. Rejects with a coded error. */
export const startMasterNode: StartNode<MasterSpec> = async (spec, tell) => {
  const node = new MasterNode(spec, tell)
  await node.start()
  return node
}

class MasterNode implements RunningNode {
  readonly failed: Promise<never>
  readonly #spec: MasterSpec
  readonly #tell: (event: NodeEvent) => void
  readonly #frame: NodeFrame<MasterMessage>
  /** Heard of before the seat is there. */
  readonly #early: string[] = []
  #recovery: MasterRecovery | undefined
  #seat: MasterSeat | undefined
  #rehearsal: NodeJS.Timeout | undefined
  #stopping: Promise<void> | undefined

  constructor(spec: MasterSpec, tell: (event: NodeEvent) => void) {
    this.#spec = spec
    this.#tell = tell
    this.#frame = new NodeFrame<MasterMessage>(spec, {
      violation: (message) => violation('master', message),
      admit: ({ role }, type) => role === 'node' || !nodeOnly.has(type),
      remotePath: (peer) => (isFellow(peer) ? MASTER : peer.role === 'node' ? WORKER : CLIENT),
      admitsDrivers: true,
      position: () => this.#seat?.life?.shell.position,
    })
    this.failed = this.#frame.failed
  }

  async start(): Promise<void> {
    try {
      const few = fewDescriptors()
      if (few)
        this.#frame.log.warn('DESCRIPTORS_TOO_FEW: more nodes or clients than this are turned away', few)
      this.#recovery = await openRecovery(this.#spec, this.#frame.log)
      const address = await this.#frame.listen()
      const web = await this.#frame.serveHttp(
        masterRoutes({
          snapshot: () => this.#seatNow().snapshot(),
          head: () => this.#seatNow().head(),
          health: this.#frame.health,
          wallMs: systemClock.wallMs,
        }),
      )
      const seat = this.#makeSeat(this.#recovery, address, web)
      this.#seat = seat
      seat.begin()
      this.#tell({ event: 'listening', ...this.#frame.opened(address, web) })
      seat.join()
    } catch (error) {
      await within(this.#release(), limits.nodeEndMs)
      throw error
    }
  }

  heard({ addresses }: NodeOrder): void {
    if (this.#seat) this.#seat.learn(addresses)
    else this.#early.push(...addresses)
  }

  abandon(reason: unknown): Promise<void> {
    return this.#frame.abandon(reason)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopInOrder()
    return this.#stopping
  }

  async #stopInOrder(): Promise<void> {
    const closed = this.#frame.closeDoor()
    await this.#seat?.stop()
    await closed
    await this.#release()
  }

  async #release(): Promise<void> {
    clearTimeout(this.#rehearsal)
    this.#seat?.close()
    await this.#frame.close('the Master stops')
    await this.#recovery?.close()
  }

  #seatNow(): MasterSeat {
    if (!this.#seat) throw new FiresteelError('NOT_LEADER', 'the Master is starting')
    return this.#seat
  }

  #makeSeat(recovery: MasterRecovery, address: string, web: string): MasterSeat {
    const { secret, masters, heardEpoch = 0 } = this.#spec
    const config = this.#masterConfig(web)
    return new MasterSeat({
      frame: this.#frame,
      recovery,
      address,
      masters: [...masters, ...this.#early],
      heard: { epoch: heardEpoch, seq: 0 },
      config,
      key: deriveKey(secret, 'node'),
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      newMark: () => randomBytes(9).toString('base64url'),
      dialWith: dial,
      tell: this.#tell,
      // As ready as it can be, but for what it does for the first time.
      onStandby: () => {
        this.#rehearsal ??= setTimeout(
          () => void this.#rehearse({ ...config, address, masters }),
          limits.rehearseMs,
        ).unref()
      },
    })
  }

  async #rehearse(config: Parameters<typeof rehearse>[0]): Promise<void> {
    try {
      await this.#recovery?.rehearse?.()
      await rehearse(config, () => this.#stopping === undefined && !this.#seat?.leads)
    } catch (error) {
      this.#frame.log.warn('the rehearsal of a recovery failed; a real one takes a little longer', { error })
    }
  }

  #masterConfig(web: string): MasterSeatOptions['config'] {
    const { cluster, scheduling, leaseMs } = this.#spec
    return {
      cluster,
      web,
      rest: null,
      leaseMs,
      spreadOut: scheduling.spreadOut,
      defaultCores: scheduling.defaultCores ?? undefined,
      maxExecutorRetries: scheduling.maxExecutorRetries,
      workerTimeoutMs: scheduling.workerTimeoutMs,
      orphanGraceMs: scheduling.orphanGraceMs,
      relaunchOnRefused: scheduling.relaunchOnRefused,
      ...fixedMasterConfig,
      recordBudgetBytes: recordBudgetBytes(),
    }
  }
}
