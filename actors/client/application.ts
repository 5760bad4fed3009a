import { FiresteelError } from '../../runtime/errors.js'
import { checkKnownOptions } from '../../runtime/known-options.js'
import type { MetricsPage } from '../../runtime/metrics/metrics-page.js'
import { nearestWord } from '../../runtime/nearest.js'
import type { Log } from '../../runtime/observe/log.js'
import type { ExecutorDescription, TaskPoolEvent } from '../tasks/dispatch-types.js'
import { each } from '../tasks/each.js'
import { map } from '../tasks/map.js'
import type { Inputs } from '../tasks/task-call.js'
import type { CallOptions, TaskOptions } from '../tasks/task-options.js'
import { type TaskFunctions, tasksOf } from '../tasks/task-proxy.js'
import type { App, AppEvents, AppStats, ExecutorInfo } from './app.js'
import type { ApplicationCode } from './application-code.js'
import { ClientEndpoint, type EndpointEvents, type EndpointOptions } from './client-endpoint.js'
import { atLeast } from './connect-options.js'
import { Emitter } from './emitter.js'
import type { ExecutorOutputs } from './executor-outputs.js'
import type { OutputLine } from './output-pieces.js'

export interface ApplicationOptions extends Omit<EndpointOptions, 'events'> {
  readonly signal?: AbortSignal | undefined
  /** Is shown what its executors print; undefined: nobody is. */
  readonly output?: ((line: OutputLine) => void) | undefined
  /** Called once when the application has ended, for whatever reason. */
  readonly release?: (() => Promise<void>) | undefined
}

export interface OpenedApplication {
  readonly app: App
  /**
   * Emits what has happened since the registration, and from now on at once. Call it when who asked for the
   * application has had it for a moment.
   */
  readonly flow: () => void
}

/** Registers an application. Rejects with a coded error or the signal's reason, after a call of `release`. */
export async function openApplication(options: ApplicationOptions): Promise<OpenedApplication> {
  const { signal, log } = options
  const emitter = new Emitter<AppEvents>((event, error) => log.warn('a listener threw', { event, error }))
  let app: Application | undefined
  let over: { readonly error: FiresteelError | undefined } | undefined
  // What comes before belongs to the registration, which connect() waits for.
  const isRegistered = (): boolean => endpoint.appId !== ''
  const events: EndpointEvents = {
    masterChanged: (address, epoch) => isRegistered() && emitter.emit('masterChanged', { address, epoch }),
    masterLost: (reason) => isRegistered() && emitter.emit('masterLost', { reason }),
    executorFailed: (failure) => emitter.emit('executorFailed', failure),
    waiting: (why) => emitter.emit('waiting', why),
    workerRemoved: (id, host, reason) => emitter.emit('workerRemoved', { id, host, reason }),
    pool: (event) => emitFromPool(emitter, event),
    ended: (error) => {
      over = { error }
      void app?.ended(error)
    },
  }
  const endpoint = new ClientEndpoint({ ...options, events })
  const giveUp = (): void => void endpoint.close('the signal was aborted')
  try {
    signal?.throwIfAborted()
    signal?.addEventListener('abort', giveUp, { once: true })
    await endpoint.start()
    signal?.throwIfAborted()
  } catch (error) {
    await endpoint.close('the application did not start')
    await options.release?.()
    throw signal?.aborted ? signal.reason : error
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
  const outputs = options.output && (await followOutputs(endpoint, options, options.output))
  app = new Application(endpoint, emitter, options, outputs)
  // The Master may have ended it before anybody had it.
  if (over) void app.ended(over.error)
  return { app, flow: () => emitter.flow() }
}

/** Few programs want it, so others do not load what it needs. */
async function followOutputs(
  { appId, pool }: ClientEndpoint,
  { cluster, masters, credential, log }: ApplicationOptions,
  show: (line: OutputLine) => void,
): Promise<ExecutorOutputs | undefined> {
  // Workers take no driver's key: it opens what its Master gives it, and no more (protocol 16).
  if (credential.role !== 'client') {
    log.warn('output: a driver that was submitted cannot read what its executors print; `firesteel logs` can')
    return undefined
  }
  const [{ ExecutorOutputs }, { MasterClient }] = await Promise.all([
    import('./executor-outputs.js'),
    import('./master-client.js'),
  ])
  const client = new MasterClient({ cluster, masters, credential })
  const outputs = new ExecutorOutputs({ appId, client, show, log })
  for (const { execId } of pool.executors()) outputs.follow(execId)
  pool.on((event) => {
    if (event.name === 'executorAdded') outputs.follow(event.executor.execId)
  })
  return outputs
}

function emitFromPool(emitter: Emitter<AppEvents>, event: TaskPoolEvent): void {
  switch (event.name) {
    case 'executorAdded':
      emitter.emit('executorAdded', infoOf(event.executor))
      return
    case 'executorLinked':
      emitter.emit('executorReady', infoOf(event.executor))
      return
    case 'executorLeaving':
      emitter.emit('executorDecommissioned', { ...infoOf(event.executor), reason: event.reason })
      return
    case 'executorLost': {
      const { executor, reason, tasks } = event
      emitter.emit('executorLost', { ...infoOf(executor), reason, tasks })
      return
    }
    case 'taskRepeated': {
      const { taskId: task, execId: executor, cause } = event
      emitter.emit('taskRepeated', { task, executor, cause })
      return
    }
    // Only the Master uses this event.
    case 'executorWorked':
    // Only the call uses this event.
    case 'tasksHeld':
      return
    case 'taskQuarantined':
      emitter.emit('taskQuarantined', { task: event.taskId, executors: event.executors })
      return
  }
}

class Application implements App {
  readonly #endpoint: ClientEndpoint
  readonly #emitter: Emitter<AppEvents>
  readonly #log: Log
  readonly #code: ApplicationCode | undefined
  readonly #release: (() => Promise<void>) | undefined
  readonly #forgetSignal: () => void
  readonly #outputs: ExecutorOutputs | undefined
  #over: Promise<void> | undefined

  #metrics: MetricsPage | undefined

  constructor(
    endpoint: ClientEndpoint,
    emitter: Emitter<AppEvents>,
    options: ApplicationOptions,
    outputs: ExecutorOutputs | undefined,
  ) {
    const { signal } = options
    this.#endpoint = endpoint
    this.#emitter = emitter
    this.#log = options.log
    this.#code = options.code
    this.#release = options.release
    this.#outputs = outputs
    const abort = (): void => void this.close()
    signal?.addEventListener('abort', abort, { once: true })
    this.#forgetSignal = () => signal?.removeEventListener('abort', abort)
  }

  get id(): string {
    return this.#endpoint.appId
  }

  get executors(): readonly ExecutorInfo[] {
    return this.#endpoint.pool.executors().map(infoOf)
  }

  tasks<M>(url: URL | string, options?: TaskOptions): TaskFunctions<M> {
    const functions = tasksOf<M>(this.#endpoint.pool, url, options)
    this.#code?.uses(new URL(url).href)
    return functions
  }

  map<I, O>(task: (input: I) => Promise<O>, inputs: Inputs<I>, options: CallOptions<I> = {}) {
    return map(this.#endpoint.pool, task, inputs, options)
  }

  each<I, O>(task: (input: I) => Promise<O>, inputs: Inputs<I>, options: CallOptions<I> = {}) {
    return each(this.#endpoint.pool, task, inputs, options)
  }

  on<K extends keyof AppEvents>(event: K, listener: (event: AppEvents[K]) => void): App {
    checkListener('on()', event, listener)
    this.#emitter.on(event, listener)
    return this
  }

  off<K extends keyof AppEvents>(event: K, listener: (event: AppEvents[K]) => void): App {
    checkListener('off()', event, listener)
    this.#emitter.off(event, listener)
    return this
  }

  stats(): AppStats {
    const { accepted: done, failed, cancelled, retried, lost, dropped, ...now } = this.#endpoint.pool.stats()
    const { live, running, atExecutors, waiting } = now
    const executors = this.#endpoint.pool.executors().length
    return { done, failed, cancelled, retried, lost, dropped, live, running, atExecutors, waiting, executors }
  }

  async metrics(): Promise<string> {
    // Few programs ask for it, so none loads this at its start.
    const { MetricsPage } = await import('../../runtime/metrics/metrics-page.js')
    const { applicationFamilies: families, applicationReadings } = await import('./app-metrics.js')
    this.#metrics ??= new MetricsPage({ families, readings: applicationReadings(() => this.stats()) })
    return this.#metrics.text()
  }

  async requestExecutors(total: number): Promise<boolean> {
    atLeast(0, total, 'total')
    return this.#endpoint.requestExecutors(total)
  }

  async killExecutors(ids: readonly number[]): Promise<boolean> {
    if (!Array.isArray(ids)) {
      const message = 'ids must be a list of numbers of executors.'
      throw new FiresteelError('USAGE', message, { place: 'ids', help: APP_HELP })
    }
    for (const [index, id] of ids.entries()) atLeast(0, id, `ids[${index}]`)
    return this.#endpoint.killExecutors([...new Set<number>(ids)])
  }

  async close(...options: unknown[]): Promise<void> {
    await this.#endpoint.close('it was closed')
    await this.ended(undefined)
    // The options are checked last: a mistake in the call must not leave the application open.
    if (isOptions(options[0])) checkKnownOptions(options[0], { what: 'close()', names: [], help: APP_HELP })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Called when the endpoint has released all its resources. */
  ended(error: FiresteelError | undefined): Promise<void> {
    this.#over ??= this.#end(error)
    return this.#over
  }

  async #end(error: FiresteelError | undefined): Promise<void> {
    this.#forgetSignal()
    if (error) this.#emitter.emit('removed', error)
    await this.#outputs?.close()
    try {
      await this.#release?.()
    } catch (cause) {
      this.#log.warn('the embedded cluster did not stop cleanly', { error: cause })
    }
    this.#emitter.emit('closed', error ? { error } : {})
  }
}

const APP_HELP = 'See the type App, and docs/tasks.md.'

const eventNames: Readonly<Record<keyof AppEvents, true>> = {
  executorAdded: true,
  executorReady: true,
  executorFailed: true,
  waiting: true,
  executorDecommissioned: true,
  executorLost: true,
  taskRepeated: true,
  taskQuarantined: true,
  masterChanged: true,
  masterLost: true,
  workerRemoved: true,
  removed: true,
  closed: true,
}

/** Throws USAGE for an unknown event, because its listener would never be called. */
function checkListener(what: string, event: unknown, listener: unknown): void {
  const place = String(event)
  if (typeof event !== 'string' || !Object.hasOwn(eventNames, event)) {
    const names = Object.keys(eventNames)
    const nearest = nearestWord(place, names)
    const meant = nearest === undefined ? '' : `; did you mean ${nearest}?`
    const message = `${what} knows no event ${place}${meant || `; there are ${names.join(', ')}.`}`
    throw new FiresteelError('USAGE', message, { place, help: APP_HELP })
  }
  if (typeof listener === 'function') return
  throw new FiresteelError('USAGE', `The listener of ${place} is not a function.`, { place, help: APP_HELP })
}

/** True for an object literal. `close` may be passed as a callback, whose arguments are no options. */
function isOptions(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function infoOf({ execId, workerId, host, cores }: ExecutorDescription): ExecutorInfo {
  return { id: execId, workerId, host, cores }
}
