import { ClientEndpoint } from '../../actors/client/client-endpoint.js'
import type { ExecutorListener, ExecutorListenerParts } from '../../actors/client/executor-listener.js'
import { toBytes } from '../../actors/messages/cloneable.js'
import type { ResourceAmounts } from '../../actors/messages/common.js'
import { applicationDescription } from '../../actors/messages/samples.js'
import { limitOf } from '../../actors/tasks/limit-option.js'
import { limits } from '../../runtime/limits.js'
import { currentIdentity } from '../../runtime/transport/identity.js'
import { bytesOf, drawBulk } from './bulk.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import type { SimWorld } from './sim-world.js'

const PORT = 7090
const inputOf = (args: readonly unknown[]): Uint8Array =>
  toBytes(args, {
    root: 'input',
    notCloneable: 'INPUT_NOT_CLONEABLE',
    tooLarge: 'INPUT_TOO_LARGE',
    maxBytes: limits.maxInputBytes,
    list: true,
    task: 'a task',
  })
const noInput = inputOf([])
const fn = { url: 'file:///simulated.js', name: 'task' }

/** One process of an application: the shipped ClientEndpoint and task pool, with tasks all the time. */
export class SimApplication {
  readonly place: Place
  readonly #world: SimWorld
  readonly #random: Random
  readonly #endpoint: ClientEndpoint
  readonly #limit = limitOf({ concurrency: 2, perSecond: 20 }, undefined)
  #underWay = 0
  /** Tasks that have ended and were not replaced yet. */
  #resting = 0
  #ends = false
  /** It has an executor, or had one. */
  served = false

  constructor(world: SimWorld, place: Place) {
    this.place = place
    this.#world = world
    this.#random = world.random.fork()
    const { cluster, key, network } = world
    this.#endpoint = new ClientEndpoint({
      cluster,
      masters: world.masterAddresses,
      credential: { role: 'client', tls: undefined, key },
      description: {
        ...applicationDescription,
        name: place.name,
        ...wanted(this.#random, world.shape.resources),
      },
      listener: {},
      masterTimeoutMs: 60_000,
      idleTimeoutMs: 2000,
      summaries: true,
      taskLimits: {},
      log: world.logOf(place.name),
      events: {
        masterChanged: () => {},
        masterLost: () => {},
        executorFailed: () => {},
        waiting: () => {},
        workerRemoved: () => {},
        pool: () => {},
        ended: (reason) => {
          // Except if it was silent for too long: that is FINISHED, with the same code.
          if (reason?.message.includes(' as FAILED')) world.checks.starts.applicationFailed(this.appId)
          this.#ended(reason?.code)
        },
      },
      dependencies: {
        clock: place,
        timers: place,
        random: this.#random.fork().next,
        newId: (bytes) => world.random.hex(2 * bytes),
        dialWith: network.dialFrom(place),
        openListener: (parts) => this.#openListener(parts),
      },
    })
    this.#endpoint.start().then(
      () => this.#begin(),
      () => this.#ended('it could not register'),
    )
  }

  get appId(): string {
    return this.#endpoint.appId
  }

  /** It begins no more tasks, and has this many left; undefined: it goes on. */
  get left(): number | undefined {
    return this.#ends ? this.#underWay : undefined
  }

  /** Begins no more tasks. Those under way run to their end. */
  end(): void {
    this.#ends = true
  }

  #begin(): void {
    this.#endpoint.pool.on((event) => {
      if (event.name === 'taskRepeated') this.#world.checks.drains.repeated(event.cause)
    })
    this.#pump()
    this.#resizeLater()
  }

  /** Now and then it wants more executors, or fewer. */
  #resizeLater(): void {
    const { resizeEveryMs } = this.#world.rates
    if (resizeEveryMs === Number.POSITIVE_INFINITY) return
    this.place.after(this.#random.exponential(resizeEveryMs), () => {
      if (this.#ends) return
      this.#endpoint.requestExecutors(1 + this.#random.int(5)).catch(() => {})
      this.#resizeLater()
    })
  }

  #pump(): void {
    const { rates, tasks } = this.#world
    while (!this.#ends && this.#underWay + this.#resting < rates.tasksAtOnce) {
      this.#underWay++
      const retries = this.#random.int(3)
      const { appId, pool } = this.#endpoint
      const gets = drawBulk(this.#random)
      const taskId = pool.submit({
        fn,
        input: gets ? inputOf([bytesOf(gets)]) : noInput,
        retries,
        backoff: retries === 2 ? { firstMs: 100, factor: 2, mostMs: 1000, jitter: 0.5 } : undefined,
        retryIf: retries === 1 ? () => true : undefined,
        timeoutMs: 0,
        // Some are under a limit. It changes when a task begins, and nothing else.
        group: retries === 2 ? 1 : 0,
        ...(retries === 2 && { limit: this.#limit, key: gets === undefined }),
        onEnd: (outcome) => {
          this.#underWay--
          if (outcome.end.kind === 'value') this.served = true
          tasks.ended(appId, outcome)
          this.#resting++
          this.place.after(this.#random.exponential(rates.taskPauseMs), () => {
            this.#resting--
            this.#pump()
          })
        },
      })
      tasks.submitted(appId, taskId, retries, gets)
    }
  }

  #ended(code: string | undefined): void {
    // Its tasks end as soon as they are submitted.
    this.#ends = true
    this.#world.tell(this.place.name, `the application ended: ${code ?? 'as asked'}`)
    // Its launcher starts another process.
    this.place.later(10, () => this.place.kill())
  }

  async #openListener(parts: ExecutorListenerParts): Promise<ExecutorListener> {
    const { network } = this.#world
    const host = this.place.machine.host
    network.listen(PORT, {
      place: this.place,
      identity: () => currentIdentity(parts.identity),
      deadMsFor: () => 60_000,
      onLink: (link) => {
        if (link.peer.subject === parts.appId()) parts.onLink(link)
        else link.close('of another application')
      },
    })
    return { listen: { host, port: PORT }, close: async () => {} }
  }
}

/**
 * What it asks for: executors of one core or of more, or of everything that a Worker has; with custom
 * resources, if there are any.
 */
function wanted(random: Random, hasResources: boolean) {
  const cores = random.chance(0.2) ? undefined : random.pick([1, 1, 1, 2])
  const limit = random.chance(0.2) ? 1 + random.int(3) : undefined
  const tasksPerCore = random.pick([1, 1, 2, 7])
  const resources: ResourceAmounts = hasResources && random.chance(0.5) ? { gpu: 1 } : {}
  return {
    maxCores: (cores ?? 1) + random.int(4),
    executor: {
      ...(cores !== undefined && { cores }),
      memoryMib: random.pick([64, 64, 256]),
      tasksPerCore,
      resources,
    },
    ...(limit !== undefined && { executorLimit: limit }),
  }
}
