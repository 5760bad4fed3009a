import { limits } from '../../runtime/limits.js'
import type { ClientMessage, FromApplication } from '../messages/catalogue.js'
import type { Failure, OwnedPosition, Position } from '../messages/common.js'
import type { RequestMasterState } from '../messages/status.js'
import type { TasksSummarized } from '../messages/task-summary.js'
import type { IdleExecutor } from '../tasks/dispatch-idle.js'
import { acknowledgementPages } from './acknowledgement.js'
import type { ClientConfig, ClientEffect, ClientInput, ClientTimer, Reason } from './client-steps.js'
import { ExecutorDemand } from './executor-demand.js'
import { ExecutorRegistry } from './executor-registry.js'
import { ExecutorRequests } from './executor-requests.js'
import { MasterLinks } from './master-links.js'
import { isForNow } from './retryable.js'

type Phase = 'registering' | 'registered' | 'unregistering' | 'ended'

/**
 * The pure core of the ClientEndpoint (Spark's StandaloneAppClient, protocol 10 and 11.3). It registers one
 * application with the leader and keeps it registered. It answers each MasterChanged with all that a store
 * does not keep. So a new leader re-attaches the application, or adopts it if its store forgot it; there is
 * no second registration. Executors go on without a leader. Only close() or ApplicationRemoved ends the
 * application.
 */
export class ClientCore {
  readonly #config: ClientConfig
  readonly #masters: MasterLinks
  readonly #executors = new ExecutorRegistry()
  readonly #requests = new ExecutorRequests()
  readonly #demand: ExecutorDemand
  /** The leader has no summary of the tasks yet. */
  #isUntold = true
  #phase: Phase = 'registering'
  #appId: string | undefined
  #registeredAt: OwnedPosition | undefined
  #asked = false
  /** The timer `waiting` runs. */
  #watchesWaiting = false
  /** The first refusal of a Master. */
  #refusal: Reason | undefined
  #out: ClientEffect[] = []

  constructor(config: ClientConfig) {
    this.#config = config
    this.#masters = new MasterLinks(config.masters)
    this.#demand = new ExecutorDemand(config.description.executorLimit, config.idleTimeoutMs)
  }

  get appId(): string | undefined {
    return this.#appId
  }

  /** The highest epoch of a leader's message. */
  get epoch(): number {
    return this.#masters.epoch
  }

  get executors() {
    return this.#executors.held
  }

  /** True: it has given executors back, so that more work than they take must be told. */
  get isLowered(): boolean {
    return this.#demand.isLowered
  }

  /** Which of these idle executors to give back. */
  surplus(idle: readonly IdleExecutor[]): number[] {
    return this.#demand.surplus(this.#executors.active, idle)
  }

  step(input: ClientInput): ClientEffect[] {
    if (this.#phase === 'ended') return []
    this.#out = []
    this.#take(input)
    return this.#out
  }

  #take(input: ClientInput): void {
    switch (input.kind) {
      case 'start':
        this.#out.push(...this.#masters.start())
        this.#startTimer('masterTimeout', this.#config.masterTimeoutMs)
        break
      case 'linkUp':
        this.#masters.linkUp(input.peer, input.address)
        break
      case 'linkDown':
        this.#linkDown(input.peer, input.reason)
        break
      case 'dialFailed':
        this.#masters.dialFailed(input.address, input.reason, input.nobodyListens)
        this.#endIfUnrecoverable()
        break
      case 'refused':
        this.#refused(input)
        break
      case 'message':
        this.#message(input.from, input.position, input.message)
        break
      case 'answered':
        this.#answered(input.ask, input.answer)
        break
      case 'timer':
        this.#timer(input.key)
        break
      case 'requestExecutors':
        this.#requests.want(this.#demand.limit(input.total), input.waiter)
        this.#sendRequests()
        this.#watchWaiting(limits.waitingFirstMs)
        if (this.#executors.active > input.total) this.#out.push({ kind: 'look' })
        break
      case 'givenBack':
        this.#givenBack(input.execIds)
        break
      case 'workWaits':
        this.#workWaits()
        break
      case 'killExecutors':
        this.#killExecutors(input.execIds, input.waiter)
        break
      case 'killExecutor':
        // The end of the application ends all its executors anyway.
        if (this.#phase === 'unregistering' || !this.#executors.kill(input.execId)) break
        this.#log(input.leaves ? 'info' : 'warn', input.leaves ? 'an executor leaves' : 'executor given up', {
          execId: input.execId,
          reason: input.reason,
        })
        this.#sendRequests()
        break
      case 'executorWorked':
        // If this message is lost with its leader, no harm is done: the next leader knows of no failures
        // either.
        if (this.#appId !== undefined)
          this.#tell({ type: 'ExecutorWorked', appId: this.#appId, execId: input.execId })
        break
      case 'summary':
        if (this.#appId !== undefined)
          this.#tell({ type: 'TasksSummarized', appId: this.#appId, ...input.summary })
        break
      case 'close':
        this.#close()
        break
    }
  }

  /** The lower total goes first, so that the Master replaces none of them. */
  #givenBack(execIds: readonly number[]): void {
    const ended = execIds.filter((execId) => this.#executors.kill(execId))
    if (ended.length === 0 || this.#phase !== 'registered') return
    this.#requests.want(this.#demand.gaveBack(this.#executors.active))
    this.#log('info', 'idle executors are given back', { execIds: ended })
    this.#sendRequests()
  }

  #workWaits(): void {
    const total = this.#demand.raise()
    if (total === undefined || this.#phase !== 'registered') return
    this.#requests.want(total)
    this.#sendRequests()
    this.#watchWaiting(limits.waitingFirstMs)
  }

  /** As in Spark, the total is lowered with them. */
  #killExecutors(execIds: readonly number[], waiter: number): void {
    for (const execId of execIds) this.#executors.kill(execId)
    this.#requests.want(this.#demand.limit(this.#executors.active), waiter)
    this.#sendRequests()
  }

  #linkDown(peer: string, reason: string): void {
    const led = this.#masters.leader?.incarnation === peer
    this.#masters.linkDown(peer)
    if (led) this.#masterLost(reason)
  }

  #masterLost(reason: string): void {
    this.#requests.forget()
    this.#out.push({ kind: 'masterLost', reason })
  }

  #refused({ address, reason, isForGood }: Extract<ClientInput, { kind: 'refused' }>): void {
    if (isForGood || !this.#refusal) this.#refusal = reason
    this.#masters.refused(address, reason.message, isForGood)
    this.#endIfUnrecoverable()
    if (this.#phase !== 'ended')
      this.#log('warn', 'a Master refuses this application', { address, code: reason.code })
  }

  #endIfUnrecoverable(): void {
    const { absent } = this.#config
    if (absent && this.#phase === 'registering' && this.#masters.isAbsent) this.#end(absent)
    if (this.#phase === 'ended' || !this.#refusal) return
    if (this.#masters.isOver(this.#appId !== undefined)) this.#end(this.#refusal)
  }

  #message(from: string, position: Position, message: ClientMessage): void {
    const led = this.#masters.leader
    const decision = this.#masters.observed(from, position, message)
    if (decision === 'stale') {
      this.#log('debug', 'ignored a message of a leadership that is over', { type: message.type, from })
      return
    }
    this.#out.push(...this.#masters.learn(message))
    if (message.type === 'MasterInStandby') {
      if (led && !this.#masters.leader) this.#masterLost('it is in standby')
    } else if (message.type === 'MasterChanged') {
      this.#newLeader(message.master)
    } else {
      this.#fromLeader(message, { ...position, owner: from })
    }
  }

  #newLeader(master: string): void {
    const { leader } = this.#masters
    if (!leader) return
    this.#requests.forget()
    this.#isUntold = true
    this.#out.push({ kind: 'masterChanged', master, epoch: leader.epoch })
    if (this.#appId === undefined) {
      this.#register()
      return
    }
    // This also holds while we unregister: the new leader must know the application that it is to end.
    this.#acknowledge(this.#appId)
    if (this.#phase === 'unregistering') this.#unregister()
    else this.#sendRequests()
  }

  #acknowledge(appId: string): void {
    const { registration, description, driver, listen } = this.#config
    const pages = acknowledgementPages({
      type: 'MasterChangeAcknowledged',
      appId,
      registration,
      description,
      ...(driver && { driver }),
      listen,
      executors: this.#executors.held.map(({ execId, workerId }) => ({ execId, workerId })),
      ...(this.#requests.target && { target: this.#requests.target }),
      highestExecId: this.#executors.highestExecId,
      ...(this.#registeredAt && { registeredAt: this.#registeredAt }),
    })
    for (const page of pages) this.#tell(page)
  }

  #fromLeader(message: ClientMessage, at: OwnedPosition): void {
    switch (message.type) {
      case 'RegisteredApplication':
        if (message.registration === this.#config.registration) this.#registered(message.appId, at)
        break
      case 'Failure':
        this.#failure(message)
        break
      case 'UnregisteredApplication':
        if (message.appId === this.#appId && this.#phase === 'unregistering') this.#end()
        break
      case 'ApplicationRemoved':
        if (message.appId === this.#appId) this.#removed(message.state, message.message)
        break
      case 'ExecutorAdded':
        if (message.appId === this.#appId) this.#executorAdded(message)
        break
      case 'ExecutorUpdated':
        if (message.appId !== this.#appId) break
        this.#out.push({
          kind: 'executorUpdated',
          update: message,
          ended: this.#executors.updated(message) === 'ended',
        })
        this.#watchWaiting(limits.waitingFirstMs)
        break
      case 'WorkerRemoved':
        this.#out.push({ kind: 'workerRemoved', worker: message })
        break
      default:
        break
    }
  }

  #register(): void {
    const { registration, description, driver, listen } = this.#config
    this.#asked = true
    this.#tell({ type: 'RegisterApplication', registration, description, ...(driver && { driver }), listen })
    this.#startTimer('register', limits.requestRepeatMs)
  }

  #registered(appId: string, at: OwnedPosition): void {
    if (this.#appId !== undefined) return
    this.#appId = appId
    this.#registeredAt = at
    this.#cancelTimer('register')
    this.#cancelTimer('masterTimeout')
    if (this.#phase === 'unregistering') {
      this.#unregister()
      return
    }
    this.#phase = 'registered'
    this.#out.push({ kind: 'registered', appId })
    this.#sendRequests()
    this.#watchWaiting(limits.waitingFirstMs)
    this.#watchIdle()
    this.#watchTasks()
  }

  #watchTasks(): void {
    if (this.#config.summaries && this.#phase === 'registered')
      this.#startTimer('summary', limits.summaryEveryMs)
  }

  /** Without a leader nobody is told, and the next one is told all. */
  #summarize(): void {
    if (!this.#config.summaries || this.#phase !== 'registered' || !this.#masters.leader) return
    this.#out.push({ kind: 'summarize', anew: this.#isUntold })
    this.#isUntold = false
  }

  #watchIdle(): void {
    const { idleTimeoutMs } = this.#config
    this.#startTimer('idle', Math.max(limits.idleLookLeastMs, Math.min(limits.idleLookMs, idleTimeoutMs / 4)))
  }

  /** Without an executor, unless it has no work for one: says why after this time. */
  #watchWaiting(ms: number): void {
    if (this.#watchesWaiting || this.#executors.held.length > 0) return
    if (this.#requests.target?.total === 0 && !this.#demand.wantsNone) return
    this.#watchesWaiting = true
    this.#startTimer('waiting', ms)
  }

  #tellWhyItWaits(): void {
    this.#watchesWaiting = false
    if (this.#phase !== 'registered' || this.#appId === undefined) return
    this.#watchWaiting(limits.waitingAgainMs)
    if (!this.#watchesWaiting) return
    if (this.#demand.wantsNone) {
      this.#out.push({ kind: 'wantsNone' })
      return
    }
    const { leader } = this.#masters
    // Without a leader there is nobody to give executors, which `masterLost` has told.
    if (!leader) return
    const message: RequestMasterState = {
      type: 'RequestMasterState',
      of: this.#appId,
      parts: ['activeApps'],
    }
    this.#out.push({ kind: 'ask', ask: 'why', to: leader.incarnation, message })
  }

  #waits(answer: ClientMessage | Reason): void {
    if (this.#phase !== 'registered' || this.#executors.held.length > 0) return
    const state = 'type' in answer && answer.type === 'MasterStateResponse' ? answer : undefined
    const app = state?.activeApps.find(({ id }) => id === this.#appId)
    if (app?.waiting) this.#out.push({ kind: 'waits', waiting: app.waiting, message: app.message })
  }

  /** Handles a Failure that is no answer to a request. It can only be about the registration. */
  #failure(failure: Failure): void {
    if (this.#appId !== undefined) {
      this.#log('warn', 'a Master reports a failure', failure)
      return
    }
    if (isForNow(failure.code)) {
      this.#masters.problem(this.#masters.leader?.address, failure.message)
      this.#startTimer('register', limits.requestRetryMs)
    } else {
      this.#end(failure)
    }
  }

  #removed(state: string, message: string): void {
    if (this.#phase === 'unregistering') {
      this.#end()
      return
    }
    const code = state === 'KILLED' ? 'FIRESTEEL_APPLICATION_KILLED' : 'FIRESTEEL_APPLICATION_FAILED'
    this.#end({ code, message: `The Master ended ${this.#appId} as ${state}: ${message}.` })
  }

  #executorAdded(message: Extract<ClientMessage, { type: 'ExecutorAdded' }>): void {
    const seen = this.#executors.added(message)
    if (seen === 'new') {
      const { execId, workerId, host, cores, memoryMib } = message
      this.#out.push({ kind: 'executorAdded', executor: { execId, workerId, host, cores, memoryMib } })
    } else if (seen === 'revived') {
      this.#sendRequests()
    }
  }

  /** Sends what the leader has not been told yet: the wanted total, executors to kill. */
  #sendRequests(): void {
    const { leader } = this.#masters
    if (!leader || this.#appId === undefined || this.#phase !== 'registered') return
    for (const { ask, message } of this.#requests.due(this.#appId, this.#executors.killing)) {
      this.#out.push({ kind: 'ask', ask, to: leader.incarnation, message })
    }
  }

  #answered(ask: number | 'why', answer: ClientMessage | Reason): void {
    if (ask === 'why') {
      this.#waits(answer)
      return
    }
    const sent = this.#requests.answered(ask)
    if (!sent) return
    const code = 'code' in answer ? answer.code : undefined
    if (code !== undefined && isForNow(code)) {
      this.#requests.again(sent)
      this.#startTimer('retry', limits.requestRetryMs)
      return
    }
    if (sent.kind === 'kill') this.#executors.killAnswered(sent.execIds)
    else {
      const done = 'done' in answer && answer.done
      for (const waiter of this.#requests.settle(sent.request))
        this.#out.push({ kind: 'settled', waiter, done })
    }
    this.#sendRequests()
  }

  #timer(key: ClientTimer): void {
    switch (key) {
      case 'register':
        if (this.#appId === undefined && this.#masters.leader) this.#register()
        break
      case 'unregister':
        this.#unregister()
        break
      case 'retry':
        this.#sendRequests()
        break
      case 'waiting':
        this.#tellWhyItWaits()
        break
      case 'idle':
        if (this.#phase !== 'registered') break
        if (this.#executors.active > 0) this.#out.push({ kind: 'look' })
        this.#watchIdle()
        break
      case 'summary':
        this.#summarize()
        this.#watchTasks()
        break
      case 'masterTimeout':
        if (this.#appId === undefined) this.#noMaster()
        break
      case 'unregisterTimeout': {
        const text = 'no Master has confirmed the end of the application; it ends after applicationGrace'
        this.#log('warn', text, { appId: this.#appId })
        this.#end()
        break
      }
    }
  }

  #noMaster(): void {
    const { masterTimeoutMs } = this.#config
    const message = `No Master took the application within ${masterTimeoutMs} ms: ${this.#masters.describe()}.`
    const help = this.#masters.advice
    this.#end({ code: 'FIRESTEEL_NO_MASTER', message, ...(help !== undefined && { help }) })
  }

  #close(): void {
    if (this.#phase === 'unregistering') return
    // A registration that may have arrived is ended in order. Otherwise it would hold cores for
    // applicationGrace.
    if (this.#appId === undefined && !this.#asked) {
      this.#end()
      return
    }
    this.#summarize()
    this.#phase = 'unregistering'
    this.#startTimer('unregisterTimeout', limits.unregisterMs)
    this.#unregister()
  }

  #unregister(): void {
    if (this.#phase !== 'unregistering' || this.#appId === undefined || !this.#masters.leader) return
    this.#tell({ type: 'UnregisterApplication', appId: this.#appId })
    this.#startTimer('unregister', limits.requestRepeatMs)
  }

  #end(reason?: Reason): void {
    this.#phase = 'ended'
    const { code, message, help, place } = reason ?? {}
    if (code === undefined || message === undefined) this.#out.push({ kind: 'ended' })
    else this.#out.push({ kind: 'ended', reason: { code, message, help, place } })
  }

  #tell(message: FromApplication | TasksSummarized): void {
    const { leader } = this.#masters
    if (leader) this.#out.push({ kind: 'tell', to: leader.incarnation, message })
  }

  #startTimer(key: ClientTimer, ms: number): void {
    this.#out.push({ kind: 'startTimer', key, ms })
  }

  #cancelTimer(key: ClientTimer): void {
    this.#out.push({ kind: 'cancelTimer', key })
  }

  #log(level: 'debug' | 'info' | 'warn', text: string, fields: object): void {
    this.#out.push({ kind: 'log', level, text, fields })
  }
}
