import type { Clock } from '../../runtime/clock.js'
import { type ErrorName, type FiresteelError, isFiresteelError, reasonOf } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import type { Fence, LeaderRecord, PersistenceEngine } from '../../runtime/persistence/engine.js'
import { Stillness } from '../../runtime/persistence/stillness.js'
import type { ActorContext, Behavior } from '../../runtime/system/behavior.js'
import type { Ref } from '../../runtime/system/ref.js'
import type { AgentMessage, ElectionMessage } from '../messages/election.js'
import { attemptBackoffMs, deadlineMs, renewEveryMs } from './lease.js'

const hopeless: readonly ErrorName[] = ['CLUSTER_MISMATCH', 'VERSION_UNSUPPORTED', 'STORE_UNREADABLE']

/** To itself, by timer. */
type Tick = { readonly type: 'Campaign' } | { readonly type: 'Renew' } | { readonly type: 'CheckDeadline' }

export interface MonarchyOptions {
  readonly master: Ref<ElectionMessage>
  readonly engine: PersistenceEngine
  /** Incarnation of the Master. */
  readonly owner: string
  readonly address: string
  readonly leaseMs: number
  /** Highest epoch heard of in an earlier life of this node. */
  readonly heardEpoch: number
  readonly clock: Clock
  readonly random: () => number
  readonly newMark: () => string
  readonly log: Log
  /** The store is not ours or cannot be read: no later try would do better. */
  readonly onHopeless: (error: FiresteelError) => void
  /** The leadership was given up and the store knows. */
  readonly onResigned?: () => void
}

/**
 * LeaderElectionAgent of a cluster with one Master (NONE, FILESYSTEM): it is elected as soon as the store says that no
 * other process leads. It keeps the leader record fresh, watches its own deadline and says RevokedLeadership.
 */
export function monarchy(options: MonarchyOptions): Behavior<AgentMessage | Tick> {
  return (context) => {
    const agent = new MonarchyAgent(options, context)
    context.timers.start('campaign', 0, { type: 'Campaign' })
    return { receive: (message) => agent.receive(message) }
  }
}

class MonarchyAgent {
  readonly #options: MonarchyOptions
  readonly #context: ActorContext<AgentMessage | Tick>
  #fence: Fence | undefined
  #revoked = false
  #confirmedAtMs = 0
  #heardEpoch: number
  readonly #stillness: Stillness

  constructor(options: MonarchyOptions, context: ActorContext<AgentMessage | Tick>) {
    this.#options = options
    this.#context = context
    this.#heardEpoch = options.heardEpoch
    this.#stillness = new Stillness(options.leaseMs)
  }

  receive(message: AgentMessage | Tick): void | Promise<void> {
    switch (message.type) {
      case 'Campaign':
        return this.#campaign()
      case 'Renew':
        return this.#renew()
      case 'CheckDeadline':
        return this.#checkDeadline()
      case 'LeadershipConfirmed':
        this.#confirmed(message.sentAtMs)
        return
      case 'LeadershipLost':
        this.#heardEpoch = Math.max(this.#heardEpoch, message.heardEpoch)
        this.#revoke(message.reason)
        return
      case 'ResignLeadership':
        return this.#resign()
    }
  }

  async #campaign(): Promise<void> {
    const { engine, log, leaseMs, random, clock, onHopeless } = this.#options
    try {
      const leader = await engine.leader()
      const waitMs = this.#stillness.waitMs(leader, clock.monotonicMs())
      if (waitMs > 0) {
        log.info('another process leads; waiting for its end', { owner: leader?.owner, epoch: leader?.epoch })
        this.#campaignAgain(Math.min(waitMs, renewEveryMs(leaseMs)))
        return
      }
      await this.#elect(leader)
    } catch (error) {
      log.error(`election failed: ${reasonOf(error)}`)
      if (hopeless.some((code) => isFiresteelError(error, code))) {
        onHopeless(error as FiresteelError)
        return
      }
      this.#campaignAgain(attemptBackoffMs(leaseMs, random()))
    }
  }

  async #elect(seen: LeaderRecord | undefined): Promise<void> {
    const { engine, owner, address, clock, newMark, log, leaseMs, random, master } = this.#options
    const sentAtMs = clock.monotonicMs()
    const outcome = await engine.elect({
      seen: seen && { epoch: seen.epoch, owner: seen.owner },
      me: owner,
      address,
      lock: '',
      heardEpoch: this.#heardEpoch,
      mark: newMark(),
    })
    if (outcome.kind !== 'elected') {
      log.warn(`not elected: ${outcome.kind}`, { outcome })
      this.#campaignAgain(attemptBackoffMs(leaseMs, random()))
      return
    }
    const { epoch, base, mark } = outcome
    this.#fence = { epoch, owner }
    this.#confirmed(sentAtMs)
    this.#context.timers.start('renew', renewEveryMs(leaseMs), { type: 'Renew' }, { repeat: true })
    this.#context.tell(master, { type: 'ElectedLeader', epoch, owner, base, mark })
  }

  #campaignAgain(ms: number): void {
    this.#context.timers.start('campaign', ms, { type: 'Campaign' })
  }

  #confirmed(sentAtMs: number): void {
    if (this.#revoked || sentAtMs < this.#confirmedAtMs) return
    this.#confirmedAtMs = sentAtMs
    this.#armDeadline()
  }

  #armDeadline(): void {
    const { clock, leaseMs } = this.#options
    const leftMs = deadlineMs(this.#confirmedAtMs, leaseMs) - clock.monotonicMs()
    this.#context.timers.start('deadline', Math.max(1, leftMs), { type: 'CheckDeadline' })
  }

  async #renew(): Promise<void> {
    const fence = this.#fence
    if (!fence || this.#revoked) return
    const { engine, clock } = this.#options
    const sentAtMs = clock.monotonicMs()
    const outcome = await engine.touch(fence, '')
    if (outcome.kind === 'ok' || outcome.kind === 'duplicate') this.#confirmed(sentAtMs)
    else if (outcome.kind === 'deposed') this.#revoke(`epoch ${outcome.epoch} of ${outcome.owner} leads`)
    else if (outcome.kind === 'rewound') this.#revoke('the store lost what it held')
    else if (outcome.kind === 'failed') this.#revoke(`the store failed: ${outcome.reason}`)
  }

  /** Without asking anybody: who has not been confirmed for a lease may be deposed already (protocol 6). */
  #checkDeadline(): void {
    if (!this.#fence || this.#revoked) return
    const { clock, leaseMs } = this.#options
    if (clock.monotonicMs() >= deadlineMs(this.#confirmedAtMs, leaseMs)) this.#revoke('the lease ran out')
    else this.#armDeadline()
  }

  #revoke(reason: string): void {
    if (this.#revoked || !this.#fence) return
    this.#revoked = true
    for (const key of ['renew', 'deadline', 'campaign']) this.#context.timers.cancel(key)
    this.#context.tell(this.#options.master, { type: 'RevokedLeadership', reason })
  }

  async #resign(): Promise<void> {
    const fence = this.#fence
    this.#context.timers.cancel('campaign')
    if (fence && !this.#revoked) {
      await this.#options.engine.leave(fence)
      this.#revoke('resigned')
    }
    this.#options.onResigned?.()
  }
}
