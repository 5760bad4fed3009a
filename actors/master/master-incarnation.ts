import type { Clock } from '../../runtime/clock.js'
import type { FiresteelError } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import type { RecordCache } from '../../runtime/persistence/record-cache.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { Ref } from '../../runtime/system/ref.js'
import type { TimerSource } from '../../runtime/system/timers.js'
import type { Gateway } from '../../runtime/transport/gateway.js'
import type { ElectionAgent, ElectionAgentContext } from '../election/election-agent.js'
import type { Hearsay } from '../election/hearsay.js'
import { leaderElectionAgent } from '../election/leader-election-agent.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import type { AgentMessage, ElectionMessage } from '../messages/election.js'
import { type MasterActorMessage, type MasterShell, master } from './master.js'
import type { MasterConfig } from './master-config.js'
import type { MasterOptions } from './master-options.js'
import type { MasterRecovery } from './master-recovery.js'

export interface MasterIncarnationOptions
  extends Pick<MasterOptions, 'probe' | 'onMastersObserved' | 'onAlive' | 'onSucceeded' | 'newWriteId'> {
  readonly system: ActorSystem
  /** Of this incarnation; nobody else uses it. */
  readonly gateway: Gateway<MasterMessage>
  readonly incarnation: string
  readonly recovery: MasterRecovery
  /** Of the process: it outlives this life. */
  readonly recordCache: RecordCache
  readonly config: MasterConfig
  /** Of the process: what it knows and has heard of positions. */
  readonly hearsay: Hearsay
  /** Of the agent: the life before handed over to another, which goes first. */
  readonly holdOffMs: number
  readonly clock: Clock
  readonly timers: TimerSource
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
  readonly probeMaster: ElectionAgentContext['probeMaster']
  /** Of the process, as the record cache is. */
  readonly store?: ElectionAgentContext['store']
  /** Not too often of its own will (protocol 6). */
  readonly mayHandOver: () => boolean
  readonly onEpoch: (epoch: number, leads: boolean) => void
  readonly onUnrecoverable: (error: FiresteelError) => void
  readonly onRevoked: (handedOver: boolean) => void
}

/**
 * One incarnation of a Master: its actor and its LeaderElectionAgent, from STANDBY to the end of its leadership. What
 * comes after it is another life, with another gateway; nothing of this one acts again.
 */
export class MasterIncarnation {
  readonly #options: MasterIncarnationOptions
  readonly #master: Ref<MasterActorMessage>
  readonly #agentActor: Ref<AgentMessage>
  #shell!: MasterShell
  #agent!: ElectionAgent
  #leads = false
  #ended = false
  #resigned: (handedOver: boolean) => void = () => {}

  constructor(options: MasterIncarnationOptions) {
    const { system, gateway } = options
    this.#options = options
    this.#master = system.spawn<MasterActorMessage>(
      'Master',
      master(this.#masterOptions(), (shell) => {
        this.#shell = shell
      }),
    )
    gateway.serve(this.#master)
    this.#agentActor = system.spawn<AgentMessage>(
      'LeaderElectionAgent',
      leaderElectionAgent(
        this.#master as Ref<ElectionMessage>,
        (tellMaster) => options.recovery.agent(this.#agentContext(tellMaster)),
        (agent) => {
          this.#agent = agent
        },
      ),
    )
  }

  get shell(): MasterShell {
    return this.#shell
  }

  get leads(): boolean {
    return this.#leads
  }

  get observed(): Position {
    return this.#agent.observed
  }

  mastersKnown(addresses: readonly string[]): void {
    this.#options.system.tell(this.#master, { type: 'MastersKnown', addresses })
  }

  /** Gives up candidacy or leadership for good; true: there was a leadership, and it was handed over in order. */
  resign(reason: string): Promise<boolean> {
    const { system } = this.#options
    // Nobody is left to say that it is done.
    if (this.#ended) return Promise.resolve(false)
    return new Promise((resolve) => {
      this.#resigned = resolve
      if (this.#leads) system.tell(this.#master, { type: 'BeginHandOver', reason })
      else system.tell(this.#agentActor, { type: 'ResignLeadership' })
    })
  }

  async end(): Promise<void> {
    const { system } = this.#options
    this.#ended = true
    await Promise.all([system.stop(this.#agentActor), system.stop(this.#master)])
  }

  #masterOptions(): MasterOptions {
    const { gateway, recovery, recordCache, config, clock, timers, log, newWriteId } = this.#options
    const { probe, onMastersObserved, onAlive, onSucceeded, onEpoch, onRevoked } = this.#options
    return {
      gateway,
      engine: recovery.engine,
      recordCache,
      config,
      clock,
      timers,
      log,
      newWriteId,
      agent: () => this.#agentActor,
      mayAct: () => this.#agent.mayAct(),
      mayHandOver: this.#options.mayHandOver,
      lock: () => this.#agent.lock,
      storeReachable: () => recovery.storeReachable(),
      probe,
      onMastersObserved,
      onElected: (epoch) => {
        this.#leads = true
        onEpoch(epoch, true)
      },
      onLeaderObserved: (epoch) => onEpoch(epoch, false),
      onUnrecoverable: this.#options.onUnrecoverable,
      onAlive,
      onRevoked: (handedOver) => {
        this.#leads = false
        this.#resigned(handedOver)
        onRevoked(handedOver)
      },
      onSucceeded,
    }
  }

  #agentContext(tellMaster: (message: ElectionMessage) => void): ElectionAgentContext {
    const { recovery, incarnation, config, hearsay, holdOffMs, recordCache, probeMaster, store } =
      this.#options
    const { clock, timers, random, log, newWriteId } = this.#options
    return {
      engine: recovery.engine,
      owner: incarnation,
      address: config.address,
      leaseMs: config.leaseMs,
      observed: hearsay.observed,
      hearsay,
      holdOffMs,
      recordCache: () => recordCache.position(clock.bootMs()),
      probeMaster,
      ...(store && { store }),
      clock,
      timers,
      random,
      newWriteId,
      log: log.child({ component: 'election' }),
      tellMaster,
      onUnrecoverable: this.#options.onUnrecoverable,
      onResigned: () => {
        if (!this.#leads) this.#resigned(false)
      },
    }
  }
}
