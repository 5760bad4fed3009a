import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../../runtime/clock.js'
import { errorOf, FiresteelError, isFiresteelError, reasonOf } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import type { ActorContext } from '../../runtime/system/actor-system.js'
import type { Handler } from '../../runtime/system/behavior.js'
import type { Envelope } from '../../runtime/system/envelope.js'
import type { Ref } from '../../runtime/system/ref.js'
import { defectError } from '../../runtime/system-error.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import type { DialerOptions } from '../../runtime/transport/dialer.js'
import { type Gateway, type LinkMessage, peerOf } from '../../runtime/transport/gateway.js'
import { IncarnationKey } from '../../runtime/transport/incarnation-key.js'
import type { ClientMessage } from '../messages/catalogue.js'
import type { ApplicationDescription, DriverIncarnation } from '../messages/common.js'
import type { FailedWorker } from '../messages/launch-failures.js'
import type { RequestTrace } from '../messages/trace.js'
import type { TaskPoolEvent } from '../tasks/dispatch-types.js'
import { createTaskPool } from '../tasks/task-pool.js'
import type { TaskPool, TaskPoolLimits } from '../tasks/task-pool-types.js'
import { TaskSummaries } from '../tasks/task-summaries.js'
import type { ExecutorFailure, WaitingApplication } from './app.js'
import type { ApplicationCode } from './application-code.js'
import { CLIENT_ACTOR, MASTER_PATH } from './client-actor.js'
import { ClientCore } from './client-core.js'
import type { ClientEffect, ClientInput, Reason } from './client-steps.js'
import { ClientTransport } from './client-transport.js'
import { type Credential, isTokenOver } from './credential.js'
import { dialProblem } from './dial-problem.js'
import { EndpointTraces } from './endpoint-traces.js'
import {
  type ExecutorListener,
  type ExecutorListenerOptions,
  openExecutorListener,
} from './executor-listener.js'
import type { HeldExecutor } from './executor-registry.js'

/** What an endpoint tells its application. */
export interface EndpointEvents {
  masterChanged(master: string, epoch: number): void
  masterLost(reason: string): void
  executorFailed(failure: ExecutorFailure): void
  waiting(why: WaitingApplication): void
  workerRemoved(id: string, host: string, reason: string): void
  /** From the registration on. */
  pool(event: TaskPoolEvent): void
  /** Called once, after registration: closed as asked, or ended by the Master. */
  ended(reason: FiresteelError | undefined): void
}

/** What an endpoint is made with. The simulator gives parts of its own. */
export interface EndpointDependencies extends Pick<DialerOptions, 'timers' | 'random' | 'dialWith'> {
  readonly clock?: Clock
  readonly openListener?: typeof openExecutorListener
  /**
   * Random hex digits, for the incarnation and the registration. Where it is given, the incarnation has no
   * key, because the links of the simulator have no handshake.
   */
  readonly newId?: (bytes: number) => string
}

export interface EndpointOptions {
  /** '' if only an address is known: the handshake then tells the name. */
  readonly cluster: string
  /** `firesteel://host:port` of each known Master. */
  readonly masters: readonly string[]
  readonly credential: Credential
  readonly description: ApplicationDescription
  readonly driver?: DriverIncarnation | undefined
  readonly listener: ExecutorListenerOptions
  readonly masterTimeoutMs: number
  /** An executor that has been idle for so long is given back; Infinity: never. */
  readonly idleTimeoutMs: number
  /** See FoundCluster. */
  readonly absent?: FiresteelError | undefined
  /** The Master is told how the tasks fare. */
  readonly summaries: boolean
  readonly taskLimits: Partial<TaskPoolLimits>
  /** Absent: no code travels. */
  readonly code?: ApplicationCode | undefined
  /** The span that the application belongs to. */
  readonly context?: TraceContext | undefined
  readonly log: Log
  readonly events: EndpointEvents
  readonly dependencies?: EndpointDependencies
}

interface InputMessage {
  readonly type: 'Input'
  readonly input: ClientInput
}
type EndpointMessage = ClientMessage | RequestTrace | LinkMessage | InputMessage

/**
 * The shell of the ClientEndpoint. It connects the core to the mailbox, links and timers. It has a small
 * actor system of its own, so that several applications in one process stay apart.
 */
export class ClientEndpoint {
  readonly #options: EndpointOptions
  readonly #incarnation: string
  readonly #own: IncarnationKey | undefined
  readonly #registration: string
  readonly #transport: ClientTransport
  readonly #gateway: Gateway<ClientMessage>
  readonly #traces: EndpointTraces
  readonly #waiters = new Map<number, (done: boolean | FiresteelError) => void>()
  #listener: ExecutorListener | undefined
  #core: ClientCore | undefined
  #context: ActorContext<EndpointMessage> | undefined
  #self: Ref<EndpointMessage> | undefined
  #pool: TaskPool | undefined
  #summaries: TaskSummaries | undefined
  #nextWaiter = 0
  #closeReason = 'it was closed'
  #started: { resolve: () => void; reject: (error: FiresteelError) => void } | undefined
  #finishing = false
  readonly #whenFinished: Promise<void>
  #resolveFinished: () => void = () => {}

  constructor(options: EndpointOptions) {
    const { newId = randomHex, openListener: _, ...dependencies } = options.dependencies ?? {}
    this.#options = options
    this.#own = options.dependencies?.newId ? undefined : new IncarnationKey('client')
    this.#incarnation = this.#own?.incarnation ?? `client-${newId(8)}`
    this.#registration = newId(16)
    this.#whenFinished = new Promise((resolve) => {
      this.#resolveFinished = resolve
    })
    this.#transport = new ClientTransport({
      cluster: options.cluster,
      incarnation: this.#incarnation,
      own: this.#own,
      credential: options.credential,
      log: options.log,
      ...dependencies,
      epoch: () => this.#core?.epoch ?? 0,
      ring: new TraceRing(),
      context: () => options.context,
      remotePath: () => MASTER_PATH,
      onDefect: (error) => this.#failed('the ClientEndpoint', error),
      onFailed: (address, error) =>
        this.#input({
          kind: 'dialFailed',
          address,
          reason: dialProblem(error),
          nobodyListens: error.refused,
        }),
      onRefused: (address, error) =>
        this.#input({
          kind: 'refused',
          address,
          reason: reasonFrom(error),
          isForGood: isTokenOver(options.credential, error),
        }),
    })
    this.#gateway = this.#transport.gateway
    this.#traces = new EndpointTraces({
      system: this.#transport.system,
      clock: options.dependencies?.clock ?? systemClock,
      cluster: () => this.#transport.cluster,
      appId: () => this.appId,
      pool: () => this.#pool,
    })
  }

  get appId(): string {
    return this.#core?.appId ?? ''
  }

  get pool(): TaskPool {
    return this.#pool!
  }

  get executors(): readonly HeldExecutor[] {
    return this.#core?.executors ?? []
  }

  /** Resolves when the application is registered. Rejects with a coded error. Call it once. */
  async start(): Promise<void> {
    const { credential, listener, masters, description, driver, masterTimeoutMs, dependencies, code } =
      this.#options
    const openListener = dependencies?.openListener ?? openExecutorListener
    const { complaints } = this.#transport
    this.#listener = await openListener({
      ...listener,
      key: credential.key,
      isSecure: credential.tls !== undefined,
      masters,
      identity: () => ({ cluster: this.#transport.cluster, incarnation: this.#incarnation }),
      appId: () => this.#core?.appId,
      onLink: (link) => this.#pool?.link(link),
      onCodeLink: code && ((link) => code.link(link)),
      onRejected: complaints.turnedAway,
      onInvalid: ({ peer, detail }) => complaints.unreadable(peer, detail),
    })
    const registered = new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject }
    })
    this.#core = new ClientCore({
      masters,
      registration: this.#registration,
      description,
      driver,
      listen: this.#listener.listen,
      masterTimeoutMs,
      idleTimeoutMs: this.#options.idleTimeoutMs,
      absent: this.#options.absent,
      summaries: this.#options.summaries,
    })
    this.#self = this.#transport.system.spawn<EndpointMessage>(CLIENT_ACTOR, (context) =>
      this.#behavior(context),
    )
    this.#gateway.serve(this.#self)
    this.#input({ kind: 'start' })
    await registered
  }

  /**
   * Asks for a total of executors. False: the Master no longer knows this application. Rejects if it has
   * ended.
   */
  requestExecutors(total: number): Promise<boolean> {
    return this.#request((waiter) => ({ kind: 'requestExecutors', total, waiter }))
  }

  /**
   * Ends these executors, and asks for none in their place. Their tasks run elsewhere. Otherwise as above.
   */
  killExecutors(execIds: readonly number[]): Promise<boolean> {
    this.#pool?.giveBack(execIds, 'it was killed by its program')
    return this.#request((waiter) => ({ kind: 'killExecutors', execIds, waiter }))
  }

  #request(inputOf: (waiter: number) => ClientInput): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#finishing) {
        reject(errorOf(closedReason))
        return
      }
      const waiter = this.#nextWaiter++
      this.#waiters.set(waiter, (done) => (typeof done === 'boolean' ? resolve(done) : reject(done)))
      if (this.#input(inputOf(waiter))) return
      this.#waiters.delete(waiter)
      reject(new FiresteelError('BUSY', 'This application asks faster than its own process can take.'))
    })
  }

  /** Ends the tasks, unregisters the application, releases all resources. Never rejects. */
  async close(reason: string): Promise<void> {
    this.#closeReason = reason
    if (this.#self) this.#input({ kind: 'close' })
    else void this.#finish(undefined)
    await this.#whenFinished
  }

  #behavior(context: ActorContext<EndpointMessage>): Handler<EndpointMessage> {
    this.#context = context
    return { receive: (message, envelope) => this.#receive(message, envelope) }
  }

  #receive(message: EndpointMessage, envelope: Envelope): void {
    switch (message.type) {
      case 'Input':
        this.#step(message.input)
        return
      case 'LinkUp': {
        const peer = message.peer.incarnation
        this.#step({ kind: 'linkUp', peer, address: this.#transport.addressOf(peer) })
        return
      }
      case 'LinkDown':
        this.#step({
          kind: 'linkDown',
          peer: message.peer.incarnation,
          reason: `the link ended: ${message.end.detail}`,
        })
        return
      // A Master forwards this request from tools that may ask.
      case 'RequestTrace':
        this.#traces.answer(message, envelope)
        return
      default: {
        const from = peerOf(envelope)?.incarnation
        if (from === undefined) return
        const position = { epoch: envelope.epoch, seq: envelope.seq ?? 0 }
        this.#step({ kind: 'message', from, position, message })
      }
    }
  }

  /** False: the input was not accepted. */
  #input(input: ClientInput): boolean {
    if (!this.#self || this.#finishing) return false
    return this.#transport.system.tell(this.#self, { type: 'Input', input })
  }

  #step(input: ClientInput): void {
    if (!this.#core || this.#finishing) return
    for (const effect of this.#core.step(input)) this.#apply(effect)
    // The pool closes after the Master was told: otherwise the Master would replace the executors that exit.
    if (input.kind === 'close') this.#pool?.close({ reason: this.#closeReason })
  }

  #apply(effect: ClientEffect): void {
    const { log, events } = this.#options
    switch (effect.kind) {
      case 'dial':
        this.#dial(effect.address)
        return
      case 'tell':
        this.#gateway.send(effect.to, effect.message)
        return
      case 'ask':
        void this.#ask(effect)
        return
      case 'startTimer': {
        const input: ClientInput = { kind: 'timer', key: effect.key }
        this.#context?.timers.start(effect.key, effect.ms, { type: 'Input', input })
        return
      }
      case 'cancelTimer':
        this.#context?.timers.cancel(effect.key)
        return
      case 'log':
        log[effect.level](effect.text, { ...effect.fields })
        return
      case 'registered':
        this.#registered(effect.appId)
        return
      case 'masterChanged':
        events.masterChanged(effect.master, effect.epoch)
        return
      case 'masterLost':
        events.masterLost(effect.reason)
        return
      case 'executorAdded':
        this.#pool?.executorAdded(effect.executor)
        return
      case 'executorUpdated':
        this.#pool?.executorUpdated(effect.update)
        if (effect.update.failed) events.executorFailed(failureOf(effect.update.execId, effect.update.failed))
        return
      case 'workerRemoved':
        events.workerRemoved(effect.worker.id, effect.worker.host, effect.worker.message)
        return
      case 'look':
        this.#lookForIdle()
        return
      case 'summarize':
        this.#summarize(effect.anew)
        return
      case 'wantsNone':
        if (this.#pool && this.#pool.stats().waiting > 0)
          this.#waits({
            reason: 'ASKS_NONE',
            message: 'waits: its program asks for no executors',
            workers: [],
          })
        return
      case 'waits': {
        const { reason, workers } = effect.waiting
        this.#waits({ reason, message: effect.message, workers: workers.map(failedWorker) })
        return
      }
      case 'settled':
        this.#waiters.get(effect.waiter)?.(effect.done)
        this.#waiters.delete(effect.waiter)
        return
      case 'ended':
        void this.#finish(effect.reason && errorOf(effect.reason))
    }
  }

  #waits(why: WaitingApplication): void {
    const { log, events } = this.#options
    log.warn(`${this.appId} has no executor and ${why.message}`)
    events.waiting(why)
  }

  /** Dials it. An address from a Master may be unreadable; it is then noted and not tried again. */
  #dial(address: string): void {
    try {
      this.#transport.dialer.open(address)
    } catch (error) {
      this.#input({ kind: 'dialFailed', address, reason: reasonOf(error) })
    }
  }

  #registered(appId: string): void {
    const { log, taskLimits, dependencies, summaries, events } = this.#options
    this.#summaries = summaries ? new TaskSummaries(this.#monotonicMs()) : undefined
    this.#pool = createTaskPool({
      appId,
      ...(dependencies?.clock && { clock: dependencies.clock }),
      ...(dependencies?.timers && { timers: dependencies.timers }),
      log,
      traceOf: this.#traces.traceOf,
      killExecutor: (execId, leaves) =>
        this.#input({
          kind: 'killExecutor',
          execId,
          leaves,
          reason: leaves ? 'it has nothing left' : 'its tasks were given back',
        }),
      onSubmitted: () => this.#submitted(),
      onDefect: (error) => this.#failed('the task pool', error),
      limits: taskLimits,
      ...(dependencies?.random && { random: dependencies.random }),
      tasksPerCore: this.#options.description.executor.tasksPerCore ?? 1,
      maxTasks: this.#options.description.executor.maxTasks,
      ...(this.#summaries && { summaries: this.#summaries }),
    })
    this.#pool.on((event) => {
      if (event.name === 'executorWorked') this.#input({ kind: 'executorWorked', execId: event.execId })
      events.pool(event)
    })
    this.#started?.resolve()
    this.#started = undefined
  }

  /** In one turn, so that no task is given to them meanwhile. */
  #lookForIdle(): void {
    if (!this.#core || !this.#pool) return
    const execIds = this.#core.surplus(this.#pool.idle())
    if (execIds.length === 0) return
    this.#pool.giveBack(execIds, 'it was idle, and was given back')
    this.#step({ kind: 'givenBack', execIds })
  }

  #summarize(anew: boolean): void {
    if (anew) this.#summaries?.forget()
    const summary = this.#pool && this.#summaries?.take(this.#pool.stats(), this.#monotonicMs())
    if (summary) this.#step({ kind: 'summary', summary })
  }

  #monotonicMs(): number {
    return (this.#options.dependencies?.clock ?? systemClock).monotonicMs()
  }

  /** Executors that were given back are asked for again. */
  #submitted(): void {
    if (this.#core?.isLowered && this.#pool?.hasTooMuchWork) this.#input({ kind: 'workWaits' })
  }

  async #ask({ ask, to, message }: Extract<ClientEffect, { kind: 'ask' }>): Promise<void> {
    let answer: ClientMessage | Reason
    try {
      answer = await this.#gateway.ask<ClientMessage>(to, message)
    } catch (error) {
      answer = reasonFrom(error)
    }
    this.#input({ kind: 'answered', ask, answer })
  }

  /** A defect of the library ends the application, not its process. */
  #failed(what: string, cause: unknown): void {
    this.#options.log.error(`${what} failed`, { error: cause })
    void this.#finish(defectError(`A defect in ${what}: ${reasonOf(cause)}`, cause))
  }

  /** Releases every handle, so that the process may end by itself. */
  async #finish(error: FiresteelError | undefined): Promise<void> {
    if (this.#finishing) return
    this.#finishing = true
    const over = error ?? errorOf(closedReason)
    const code = endCodes.find((name) => isFiresteelError(over, name))
    this.#pool?.close({ reason: over.message, code })
    for (const settle of this.#waiters.values()) settle(over)
    this.#waiters.clear()
    this.#transport.dialer.closeAll('this client ends')
    this.#gateway.closeAll('the application ended')
    try {
      await this.#listener?.close()
      // The actor must have left its turn before its system can stop it.
      await new Promise<void>((resolve) => setImmediate(resolve))
      await this.#transport.system.shutdown()
    } catch (cause) {
      this.#options.log.error('the client did not end cleanly', { error: cause })
    }
    this.#transport.throttle.close()
    this.#resolveFinished()
    if (this.#started) this.#started.reject(over)
    else this.#options.events.ended(error)
  }
}

const failedWorker = ({ workerId, host, failure, failures, excluded, retryAtMs }: FailedWorker) => ({
  workerId,
  host,
  reason: failure,
  failures,
  excluded,
  retryAt: new Date(retryAtMs),
})

const failureOf = (id: number, failed: FailedWorker) => ({ id, ...failedWorker(failed) })

const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex')

/** With these a Master ends an application. */
const endCodes = ['APPLICATION_FAILED', 'APPLICATION_KILLED'] as const

const closedReason = { code: 'FIRESTEEL_APPLICATION_CLOSED', message: 'The application was closed.' } as const

function reasonFrom(error: unknown): Reason {
  if (!isFiresteelError(error)) return { code: 'FIRESTEEL_INTERNAL', message: reasonOf(error) }
  const { code, message, help, place } = error
  return { code, message, help, place }
}
