import type { ActorSystem, Behavior } from '../../runtime/system/actor-system.js'
import type { Ref } from '../../runtime/system/ref.js'
import type { TimerSource } from '../../runtime/timers.js'
import type { ElectionAgent, ElectionAgentContext } from '../election/election-agent.js'
import type { Hearsay } from '../election/hearsay.js'
import { leaderElectionAgent } from '../election/leader-election-agent.js'
import type { Position } from '../messages/common.js'
import type { AgentMessage, ElectionMessage } from '../messages/election.js'
import { MasterShell } from './master.js'
import type { MasterEvent } from './master-event.js'
import type { MasterActorMessage } from './master-messages.js'
import type { MasterOptions } from './master-options.js'
import type { MasterRecovery } from './master-recovery.js'

export interface MasterIncarnationOptions
  extends Omit<MasterOptions, 'engine' | 'agent' | 'mayAct' | 'lock' | 'lockOf' | 'storeReachable'> {
  readonly system: ActorSystem
  readonly recovery: MasterRecovery
  /** Of the process: what it knows and was told of positions. */
  readonly hearsay: Hearsay
  /** How long the agent waits, because the incarnation before handed over to another Master. */
  readonly holdOffMs: number
  readonly timers: TimerSource
  /** In [0, 1). */
  readonly random: () => number
  readonly probeMaster: ElectionAgentContext['probeMaster']
  /** Shared by the process, like the record cache. */
  readonly store?: ElectionAgentContext['store']
}

/**
 * One incarnation of a Master: its actor and its LeaderElectionAgent, from STANDBY to the end of its
 * leadership. The next incarnation has another gateway, and this one sends nothing more.
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

  /**
   * Gives up candidacy or leadership for good. True: there was a leadership, and it was handed over in order.
   */
  resign(reason: string): Promise<boolean> {
    const { system } = this.#options
    // After its end no actor is left to confirm it.
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
    const { recovery } = this.#options
    return {
      ...this.#options,
      engine: recovery.engine,
      agent: () => this.#agentActor,
      mayAct: () => this.#agent.mayAct(),
      lock: () => this.#agent.lock,
      lockOf: (owner) => this.#agent.lockOf?.(owner) ?? '',
      storeReachable: () => recovery.storeReachable(),
      listener: (event) => this.#observed(event),
    }
  }

  #observed(event: MasterEvent): void {
    if (event.event === 'elected') this.#leads = true
    if (event.event === 'revoked') {
      this.#leads = false
      this.#resigned(event.handedOver)
    }
    this.#options.listener(event)
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
      formats: config.formats,
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
      onUnrecoverable: (error) => this.#observed({ event: 'unrecoverable', error }),
      onResigned: () => {
        if (!this.#leads) this.#resigned(false)
      },
    }
  }
}

/** Behavior of the Master actor. `created` is called with its shell. */
function master(options: MasterOptions, created: (shell: MasterShell) => void): Behavior<MasterActorMessage> {
  return (context) => {
    const shell = new MasterShell(options, context)
    created(shell)
    return shell
  }
}
