import type { ElectionAgent, ElectionAgentContext } from '../../actors/election/election-agent.js'
import type { Hearsay } from '../../actors/election/hearsay.js'
import { leaderElectionAgent } from '../../actors/election/leader-election-agent.js'
import { type MasterActorMessage, type MasterShell, master } from '../../actors/master/master.js'
import type { MasterConfig } from '../../actors/master/master-config.js'
import type { MasterOptions } from '../../actors/master/master-options.js'
import type { MasterMessage } from '../../actors/messages/catalogue.js'
import type { Position } from '../../actors/messages/common.js'
import type { AgentMessage, ElectionMessage } from '../../actors/messages/election.js'
import type { Clock } from '../clock.js'
import type { FiresteelError } from '../errors.js'
import type { Log } from '../observe/log.js'
import type { Image } from '../persistence/image.js'
import type { ActorSystem } from '../system/actor-system.js'
import type { Ref } from '../system/ref.js'
import type { TimerSource } from '../system/timers.js'
import type { Gateway } from '../transport/gateway.js'
import type { MasterRecovery } from './master-recovery.js'

export interface MasterLifeOptions
  extends Pick<MasterOptions, 'probe' | 'onMastersHeard' | 'onAlive' | 'onSucceeded' | 'newMark'> {
  readonly system: ActorSystem
  /** Of this incarnation; nobody else uses it. */
  readonly gateway: Gateway<MasterMessage>
  readonly incarnation: string
  readonly recovery: MasterRecovery
  /** Of the process: it outlives this life. */
  readonly image: Image
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
  readonly knock: ElectionAgentContext['knock']
  /** Of the process, as the image is. */
  readonly store?: ElectionAgentContext['store']
  /** Not too often of its own will (protocol 6). */
  readonly mayHandOver: () => boolean
  readonly onEpoch: (epoch: number, leads: boolean) => void
  readonly onHopeless: (error: FiresteelError) => void
  readonly onRevoked: (handedOver: boolean) => void
}

/**
 * One incarnation of a Master: its actor and its LeaderElectionAgent, from STANDBY to the end of its leadership. What
 * comes after it is another life, with another gateway; nothing of this one acts again.
 */
export class MasterLife {
  readonly #options: MasterLifeOptions
  readonly #master: Ref<MasterActorMessage>
  readonly #agentActor: Ref<AgentMessage>
  #shell!: MasterShell
  #agent!: ElectionAgent
  #leads = false
  #ended = false
  #resigned: (handedOver: boolean) => void = () => {}

  constructor(options: MasterLifeOptions) {
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

  get heard(): Position {
    return this.#agent.heard
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
    const { gateway, recovery, image, config, clock, timers, log, newMark } = this.#options
    const { probe, onMastersHeard, onAlive, onSucceeded, onEpoch, onRevoked } = this.#options
    return {
      gateway,
      engine: recovery.engine,
      image,
      config,
      clock,
      timers,
      log,
      newMark,
      agent: () => this.#agentActor,
      mayAct: () => this.#agent.mayAct(),
      mayHandOver: this.#options.mayHandOver,
      lock: () => this.#agent.lock,
      storeReachable: () => recovery.storeReachable(),
      probe,
      onMastersHeard,
      onElected: (epoch) => {
        this.#leads = true
        onEpoch(epoch, true)
      },
      onLeaderHeard: (epoch) => onEpoch(epoch, false),
      onHopeless: this.#options.onHopeless,
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
    const { recovery, incarnation, config, hearsay, holdOffMs, image, knock, store } = this.#options
    const { clock, timers, random, log, newMark } = this.#options
    return {
      engine: recovery.engine,
      owner: incarnation,
      address: config.address,
      leaseMs: config.leaseMs,
      heard: hearsay.heard,
      hearsay,
      holdOffMs,
      image: () => image.position(clock.bootMs()),
      knock,
      ...(store && { store }),
      clock,
      timers,
      random,
      newMark,
      log: log.child({ component: 'election' }),
      tellMaster,
      onHopeless: this.#options.onHopeless,
      onResigned: () => {
        if (!this.#leads) this.#resigned(false)
      },
    }
  }
}
