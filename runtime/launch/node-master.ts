import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { DoorSays } from '../../actors/election/election-events.js'
import type { MasterConfig } from '../../actors/master/books.js'
import { isFellow } from '../../actors/master/fellows.js'
import { masterRoutes } from '../../actors/master/json.js'
import { rehearse } from '../../actors/master/rehearsal.js'
import { type MasterMessage, nodeOnly, violation } from '../../actors/messages/catalogue.js'
import type { Position } from '../../actors/messages/common.js'
import { parseActorAddress } from '../addresses.js'
import { systemClock } from '../clock.js'
import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { comparePositions } from '../persistence/engine.js'
import { Image } from '../persistence/image.js'
import { DialError, dial } from '../transport/dial.js'
import { Doors } from '../transport/doors.js'
import { MASTER_SUBJECT } from '../transport/identity.js'
import { deriveKey } from '../transport/keys.js'
import { MasterLife } from './master-life.js'
import { type MasterRecovery, openRecovery } from './master-recovery.js'
import { NodeFrame } from './node-frame.js'
import type { MasterSpec, NodeEvent, NodeOrder, RunningNode, StartNode } from './node-spec.js'

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
  readonly #key: Buffer
  readonly #image = new Image(limits.imageGraceMs)
  readonly #store = { wasFit: false }
  readonly #masters: Set<string>
  #recovery: MasterRecovery | undefined
  #doors: Doors | undefined
  #introductions: NodeJS.Timeout | undefined
  #rehearsal: NodeJS.Timeout | undefined
  #life: MasterLife | undefined
  #address = ''
  #web = ''
  #heard: Position
  #handedOverAtMs = Number.NEGATIVE_INFINITY
  #succeeded: () => void = () => {}
  #stopping: Promise<void> | undefined

  constructor(spec: MasterSpec, tell: (event: NodeEvent) => void) {
    this.#spec = spec
    this.#tell = tell
    this.#key = deriveKey(spec.secret, 'node')
    this.#masters = new Set(spec.masters)
    this.#heard = { epoch: spec.heardEpoch ?? 0, seq: 0 }
    this.#frame = new NodeFrame<MasterMessage>(spec, {
      violation: (message) => violation('master', message),
      admit: ({ role }, type) => role === 'node' || !nodeOnly.has(type),
      remotePath: (peer) => (isFellow(peer) ? MASTER : peer.role === 'node' ? WORKER : CLIENT),
      admitsDrivers: true,
      position: () => this.#life?.shell.position,
    })
    this.failed = this.#frame.failed
  }

  async start(): Promise<void> {
    try {
      this.#recovery = await openRecovery(this.#spec, this.#frame.log)
      this.#address = await this.#frame.listen()
      this.#web = await this.#frame.serveHttp(masterRoutes(() => this.#state(), systemClock.wallMs))
      this.#masters.add(this.#address)
      this.#live(this.#recovery)
      this.#tell({ event: 'listening', ...this.#frame.opened(this.#address, this.#web) })
      this.#doors = this.#openDoors()
      this.#dialOthers()
      this.#introductions = setInterval(() => this.#introduce(), limits.introduceMs)
    } catch (error) {
      await this.#release()
      throw error
    }
  }

  heard({ addresses }: NodeOrder): void {
    this.#learn(addresses)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopInOrder()
    return this.#stopping
  }

  /** A leader hands over first and stays until another leads, so that nobody is without a hint (protocol 13). */
  async #stopInOrder(): Promise<void> {
    const closed = this.#frame.closeDoor()
    const succeeded = new Promise<void>((resolve) => {
      this.#succeeded = resolve
    })
    const handedOver = (await this.#life?.resign('the Master stops')) ?? false
    if (handedOver) await Promise.race([succeeded, delay(limits.handOverLingerMs, undefined, { ref: false })])
    await closed
    await this.#release()
  }

  async #release(): Promise<void> {
    clearInterval(this.#introductions)
    clearTimeout(this.#rehearsal)
    this.#doors?.closeAll('the Master stops')
    await this.#frame.close('the Master stops')
    await this.#recovery?.close()
  }

  #state() {
    if (!this.#life) throw new FiresteelError('NOT_LEADER', 'the Master is starting')
    return this.#life.shell.snapshot()
  }

  /** One incarnation, from STANDBY to the end of its leadership. */
  #live(recovery: MasterRecovery, handedOver = false): void {
    const { system, gateway, incarnation, log } = this.#frame
    this.#life = new MasterLife({
      system,
      gateway,
      incarnation,
      recovery,
      image: this.#image,
      store: this.#store,
      config: this.#masterConfig(),
      heard: this.#heard,
      holdOffMs: handedOver ? limits.handOverHoldOffMs : 0,
      clock: systemClock,
      log,
      newMark: () => randomBytes(9).toString('base64url'),
      mayHandOver: () => systemClock.monotonicMs() - this.#handedOverAtMs >= limits.handOverEveryMs,
      probe: async (host, port) => (await this.#knock(host, port, '')) === 'gone',
      knock: (address, owner) => {
        const { host, port } = parseActorAddress(address)
        return this.#knock(host, port, owner)
      },
      onMastersHeard: (addresses) => this.#learn(addresses),
      onEpoch: (epoch, leads) => this.#epoch(epoch, leads),
      onAlive: () => this.#tell({ event: 'ready' }),
      onHopeless: (error) => this.#frame.fail(error),
      onRevoked: (handedOver) => void this.#revoked(handedOver),
      onSucceeded: () => this.#succeeded(),
    })
  }

  #epoch(epoch: number, leads: boolean): void {
    this.#hear({ epoch, seq: 0 })
    this.#tell({ event: 'epoch', epoch, leads })
    if (leads) return
    // A STANDBY that knows who leads is as ready as it can be, but for what it does for the first time.
    this.#tell({ event: 'ready' })
    this.#rehearsal ??= setTimeout(() => void this.#rehearse(), limits.rehearseMs).unref()
  }

  async #rehearse(): Promise<void> {
    try {
      await this.#recovery?.rehearse?.()
      await rehearse(this.#masterConfig(), () => !this.#stopping && !this.#life?.leads)
    } catch (error) {
      this.#frame.log.debug('the rehearsal failed', { error })
    }
  }

  #hear(position: Position): void {
    if (comparePositions(position, this.#heard) > 0) this.#heard = position
  }

  /** The leadership is over, whatever the reason: a fresh STANDBY takes its place, under a new incarnation. */
  async #revoked(handedOver: boolean): Promise<void> {
    const life = this.#life
    const recovery = this.#recovery
    if (!life || !recovery || this.#stopping !== undefined) return
    if (handedOver) this.#handedOverAtMs = systemClock.monotonicMs()
    this.#hear(life.heard)
    this.#frame.renew('its leadership is over')
    await life.end()
    if (this.#stopping !== undefined) return
    this.#live(recovery, handedOver)
    this.#frame.admitEarly()
    this.#doors?.retryNow()
  }

  #learn(addresses: readonly string[]): void {
    const before = this.#masters.size
    for (const address of addresses) {
      if (this.#masters.size < MASTERS_MAX) this.#masters.add(address)
    }
    if (this.#masters.size === before || this.#address === '') return
    this.#life?.mastersKnown([...this.#masters])
    this.#dialOthers()
  }

  #openDoors(): Doors {
    const { log, linkDeadMs } = this.#frame
    return new Doors({
      identity: this.#frame.identity,
      role: 'node',
      subject: MASTER_SUBJECT,
      key: this.#key,
      deadMs: linkDeadMs,
      clock: systemClock,
      onLink: (_, link) => this.#frame.admit(link),
      onRefused: (address, { code, message }) =>
        log.error('another Master refuses this one', { address, code, reason: message }),
      onInvalid: (address, { detail, count }) =>
        log.warn('a Master sent what cannot be read', { address, detail, count }),
    })
  }

  /** Of two Masters the smaller address dials (R0). */
  #dialOthers(): void {
    for (const address of this.#masters) if (address > this.#address) this.#doors?.open(address)
  }

  /** Who should dial this Master and has not may not know of it: one link, which that one's own soon replaces. */
  #introduce(): void {
    const linked = new Set<string>()
    for (const { peer } of this.#frame.gateway.links) linked.add(`firesteel://${peer.advertise}`)
    for (const address of this.#masters) {
      if (address >= this.#address || linked.has(address)) continue
      const { identity, gateway, linkDeadMs: deadMs } = this.#frame
      const at = parseActorAddress(address)
      dial({ ...at, identity, role: 'node', subject: MASTER_SUBJECT, key: this.#key, deadMs }).then(
        (link) => (gateway === this.#frame.gateway ? this.#frame.admit(link) : link.close('too late')),
        () => {},
      )
    }
  }

  /** `gone`: the kernel refuses, or another process answers. Silence or a failed handshake proves nothing (protocol 9). */
  async #knock(host: string, port: number, owner: string): Promise<DoorSays> {
    const { cluster } = this.#spec
    try {
      const link = await dial({
        host,
        port,
        identity: { cluster, incarnation: `${this.#frame.incarnation}-probe` },
        role: 'node',
        key: this.#key,
      })
      const { incarnation } = link.peer
      link.close('a probe')
      return owner !== '' && incarnation !== owner ? 'gone' : 'alive'
    } catch (error) {
      return error instanceof DialError && error.refused ? 'gone' : 'unknown'
    }
  }

  #masterConfig(): MasterConfig {
    const { cluster, scheduling, leaseMs } = this.#spec
    return {
      cluster,
      address: this.#address,
      web: this.#web,
      rest: null,
      masters: [...this.#masters],
      leaseMs,
      spreadOut: scheduling.spreadOut,
      defaultCores: scheduling.defaultCores ?? undefined,
      maxExecutorRetries: scheduling.maxExecutorRetries,
      workerTimeoutMs: scheduling.workerTimeoutMs,
      orphanGraceMs: scheduling.orphanGraceMs,
      relaunchOnRefused: scheduling.relaunchOnRefused,
      applicationTimeoutMs: limits.applicationTimeoutMs,
      applicationGraceMs: limits.applicationGraceMs,
      recoveryQuietMs: limits.recoveryQuietMs,
      recoveryMaxMs: limits.recoveryMaxMs,
      guardMarginMs: limits.guardMarginMs,
      adoptGraceMs: limits.adoptGraceMs,
      executorIdBlock: limits.executorIdBlock,
      retainedEnded: limits.retainedEnded,
      retainedKeys: limits.retainedKeys,
      keyRetentionMs: limits.keyRetentionMs,
    }
  }
}

/** As many as a message names at most. */
const MASTERS_MAX = 64
