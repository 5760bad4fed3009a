import type { Attempt } from '../../actors/executor/attempt.js'
import { ExecutorSession, type SessionLink, type TaskRunner } from '../../actors/executor/session.js'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import type { AttemptKey } from '../../actors/messages/tasks.js'
import { parseActorAddress } from '../../runtime/addresses.js'
import { limits } from '../../runtime/limits.js'
import { LinkKeeper } from '../../runtime/transport/link-keeper.js'
import { Place } from './place.js'
import type { Random } from './random.js'
import type { World } from './world.js'

/** The tasks of a simulated executor: each takes its time and says that it ran. */
class SimRunner implements TaskRunner {
  session: ExecutorSession | undefined
  readonly #world: World
  readonly #place: Place
  readonly #random: Random
  readonly #appId: string
  readonly #threads: number
  readonly #queue: Attempt[] = []
  readonly #running = new Map<Attempt, () => void>()

  constructor(world: World, place: Place, random: Random, { appId, cores }: LaunchExecutor) {
    this.#world = world
    this.#place = place
    this.#random = random
    this.#appId = appId
    this.#threads = cores
  }

  addFunctions(): void {}
  setMaxResultBytes(): void {}
  pause(): void {}

  run(attempts: readonly Attempt[]): void {
    this.#queue.push(...attempts)
    this.#fill()
  }

  cancel(attempt: Attempt): void {
    const queued = this.#queue.indexOf(attempt)
    if (queued >= 0) {
      this.#queue.splice(queued, 1)
      this.session?.returned([attempt])
      return
    }
    const stop = this.#running.get(attempt)
    if (!stop) return
    stop()
    this.#running.delete(attempt)
    this.session?.result(attempt, 'cancelled', nothing)
    this.#fill()
  }

  recall(count: number): void {
    const given = this.#queue.splice(Math.max(0, this.#queue.length - count))
    this.session?.returned(given)
  }

  #fill(): void {
    const started: AttemptKey[] = []
    while (this.#running.size < this.#threads && this.#queue.length > 0) {
      const attempt = this.#queue.shift()!
      started.push(attempt)
      this.#world.tasks.ran(this.#appId, attempt.taskId)
      const stop = this.#place.after(this.#random.exponential(this.#world.rates.taskMs), () =>
        this.#end(attempt),
      )
      this.#running.set(attempt, stop)
    }
    if (started.length > 0) this.session?.started(started)
  }

  #end(attempt: Attempt): void {
    this.#running.delete(attempt)
    const fails = this.#random.chance(this.#world.rates.taskFails)
    const status = fails ? 'failure' : 'value'
    this.#world.tasks.came(this.#appId, attempt.taskId, status)
    this.session?.result(attempt, status, nothing)
    this.#fill()
  }
}

const nothing = new Uint8Array(0)

/** An executor process: the shipped session over simulated links, and tasks that only take time. */
export class SimExecutor {
  readonly place: Place

  constructor(world: World, worker: Place, launch: LaunchExecutor, onExit: () => void) {
    const { host, port } = parseActorAddress(`firesteel://${launch.driver}`)
    // On its Worker's host, and cut off with it.
    const place = new Place(worker.name, worker.machine)
    place.onTurn = world.touched
    this.place = place
    const random = world.random.fork()
    const runner = new SimRunner(world, place, random, launch)
    const { appId, execId, workerId, cores } = launch
    const session = new ExecutorSession({
      hello: { execId, workerId, host: worker.machine.host, cores, pid: 1, resources: {} },
      runner,
      onExit,
    })
    runner.session = session
    const incarnation = world.incarnation(`${appId}.${execId}`)
    let stopWaiting: () => void = () => {}
    const waitAlone = (): void => {
      stopWaiting()
      stopWaiting = place.after(limits.applicationTimeoutMs, onExit)
    }
    waitAlone()
    const keeper = new LinkKeeper({
      host,
      port,
      identity: { cluster: world.cluster, incarnation },
      role: 'application',
      subject: appId,
      key: world.key,
      clock: place,
      timers: place,
      random: random.next,
      dialWith: world.network.dialFrom(place),
      deadMs: limits.driverLinkDeadMs,
      onLink: (link) => {
        stopWaiting()
        session.link(link as unknown as SessionLink)
      },
      onDown: waitAlone,
    })
    place.onDeath(() => keeper.close())
  }
}
