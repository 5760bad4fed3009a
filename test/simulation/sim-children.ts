import type { ChildListener } from '../../actors/worker/children.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import type { ExecutorStart, SimChild, SimPlan } from './sim-child.js'
import { SimExecutor } from './sim-executor.js'
import type { SimWorld } from './sim-world.js'

/**
 * What a simulated program does, from the arguments of its description: `MS EXIT_CODE`, or nothing if it runs
 * on.
 */
function behaviourOf(plan: SimPlan): { ms: number; exitCode: number } | undefined {
  if (plan.kind !== 'startDriver') return undefined
  const [ms, exitCode] = plan.launch.description.args
  return ms === undefined ? undefined : { ms: Number(ms), exitCode: Number(exitCode ?? 0) }
}

/**
 * The child processes of one Worker process, and its guard. The guard kills all of them when the Worker is
 * gone, and each at its "valid until", even if the Worker is frozen (protocol 8).
 */
export class SimChildren {
  readonly #world: SimWorld
  #place: Place
  readonly #workerId: string
  #listener: ChildListener
  readonly #random: Random
  readonly #running = new Map<string, Running>()
  readonly #validUntil = new Map<string, number>()
  /** A planned restart: what the next process of the Worker is told of (protocol 8.6). */
  #untold: (() => void)[] | undefined
  /** True time until which the guard keeps everything for the next process. */
  #keptUntilMs: number | undefined
  /** The Worker ends, and all of them with it. */
  isStopping = false
  #pid = 1000

  constructor(world: SimWorld, place: Place, workerId: string, listener: ChildListener) {
    this.#world = world
    this.#place = place
    this.#workerId = workerId
    this.#listener = listener
    this.#random = world.random.fork()
    place.onDeath(() => this.#ownerDied())
  }

  /** From now on nothing is started, and no end is told, by this process of the Worker. */
  pause(): void {
    this.#untold = []
  }

  /** The guard keeps everything for the next process, which has so long to come. */
  outlive(ms: number): void {
    const untilMs = this.#world.timeline.nowMs + ms
    this.#keptUntilMs = untilMs
    this.#world.timeline.after(ms, () => {
      if (this.#keptUntilMs === untilMs) this.#orphaned()
    })
  }

  /** The next process takes all back. False: it comes too late. */
  adopt(place: Place, listener: ChildListener): boolean {
    const isKept = this.#keptUntilMs !== undefined && this.#world.timeline.nowMs < this.#keptUntilMs
    this.#keptUntilMs = undefined
    if (!isKept) return false
    this.#place = place
    this.#listener = listener
    place.onDeath(() => this.#ownerDied())
    const untold = this.#untold ?? []
    this.#untold = undefined
    for (const tell of untold) place.later(1, tell)
    return true
  }

  #ownerDied(): void {
    if (this.#keptUntilMs === undefined) this.#orphaned()
  }

  /** Tells this Worker's present process, or the next one. */
  #tell(ms: number, tell: () => void): void {
    if (this.#untold) this.#untold.push(tell)
    else this.#place.later(ms, tell)
  }

  start(process: string, planned: Promise<unknown>, validUntilBootMs?: number): void {
    if (validUntilBootMs !== undefined) this.#validUntil.set(process, validUntilBootMs)
    void planned.then((plan) => this.#begin(process, plan as SimPlan))
  }

  extend(process: string, validUntilBootMs: number): void {
    if (!this.#validUntil.has(process)) return
    this.#validUntil.set(process, validUntilBootMs)
    this.#running.get(process)?.guardUntil(validUntilBootMs)
  }

  stop(process: string, graceMs: number): void {
    this.#running.get(process)?.stop(graceMs)
  }

  close(): void {}

  /** Makes one of them crash. */
  crashOne(): void {
    const running = [...this.#running.values()]
    if (running.length > 0) this.#random.pick(running).end(null, 'SIGSEGV')
  }

  /** Ends it as finished. */
  finish(process: string): void {
    this.#running.get(process)?.end(0, null)
  }

  #begin(process: string, plan: SimPlan): void {
    // The next process begins it.
    if (this.#untold) return
    const validUntilBootMs = this.#validUntil.get(process)
    const isLate = validUntilBootMs !== undefined && this.#place.bootMs() >= validUntilBootMs
    const bad = this.#world.bad.get(this.#place.name)?.how
    if (isLate || bad === 'start' || this.#random.chance(this.#world.rates.startFails)) {
      this.#validUntil.delete(process)
      if (plan.kind === 'startExecutor') this.#failed(plan)
      this.#place.later(1, () =>
        this.#listener.startFailed(process, {
          code: 'FIRESTEEL_SPAWN_FAILED',
          message: 'it did not start',
        }),
      )
      return
    }
    const asked = plan.kind === 'startDriver' ? plan.launch.description : plan.launch
    const child: SimChild = {
      process,
      plan,
      worker: this.#place,
      workerId: this.#workerId,
      cores: asked.cores,
      memoryMib: asked.memoryMib,
      resources: plan.launch.resources,
      startedAtMs: this.#world.timeline.nowMs,
    }
    const running = new Running(this.#world, child, this.#random, (exitCode, signal) => {
      this.#running.delete(process)
      this.#validUntil.delete(process)
      // It was stopped together with its Worker, whatever its exit code.
      this.#world.childEnded(child, this.isStopping ? null : exitCode)
      const isFailure = (exitCode !== null && exitCode > 0) || signal === 'SIGSEGV'
      if (plan.kind === 'startExecutor' && isFailure) this.#failed(plan)
      const end = { exitCode, signal }
      this.#tell(this.#random.between(1, 20), () => this.#listener.ended(process, end))
    })
    this.#running.set(process, running)
    if (
      plan.kind === 'startExecutor' &&
      (bad === 'exit' || (bad === 'port' && this.#hasOther(plan, process)))
    )
      this.#world.timeline.after(this.#random.between(2, 20), () => running.end(1, null))
    if (validUntilBootMs !== undefined) running.guardUntil(validUntilBootMs)
    // Before its end, however short it ran, so that both are reported in order.
    this.#place.later(0.5, () => this.#listener.started(process, this.#pid++))
  }

  /** Another executor of the application runs here. */
  #hasOther({ launch }: ExecutorStart, process: string): boolean {
    return [...this.#running.keys()].some((key) => key !== process && key.startsWith(`${launch.appId}/`))
  }

  #failed({ launch }: ExecutorStart): void {
    this.#world.checks.starts.executorFailed(launch.appId, this.#workerId)
  }

  /** The pipe to the guard has ended: the guard kills what is left, within a second of its grace. */
  #orphaned(): void {
    const { ownGraceMs = this.#world.masterConfig.orphanGraceMs } = this.#world.shape
    for (const running of this.#running.values()) {
      this.#world.timeline.after(ownGraceMs + this.#random.between(5, 900), () =>
        running.end(null, 'SIGKILL'),
      )
    }
  }
}

class Running {
  isOver = false
  readonly #world: SimWorld
  readonly #child: SimChild
  readonly #random: Random
  readonly #onEnd: (exitCode: number | null, signal: string | null) => void
  #cancelGuard: () => void = () => {}
  #isStopping = false
  readonly #executor: SimExecutor | undefined

  constructor(
    world: SimWorld,
    child: SimChild,
    random: Random,
    onEnd: (exitCode: number | null, signal: string | null) => void,
  ) {
    this.#world = world
    this.#child = child
    this.#random = random
    this.#onEnd = onEnd
    world.childStarted(child)
    const behaviour = behaviourOf(child.plan)
    if (behaviour) world.timeline.after(behaviour.ms, () => this.end(behaviour.exitCode, null))
    if (child.plan.kind === 'startExecutor') {
      this.#executor = new SimExecutor(world, child.worker, child.plan.launch, () => this.end(0, null))
      const { executorLifeMs } = world.rates
      if (executorLifeMs !== Number.POSITIVE_INFINITY)
        world.timeline.after(random.exponential(executorLifeMs), () => this.end(1, null))
    }
  }

  stop(graceMs: number): void {
    if (this.#isStopping) return
    this.#isStopping = true
    // Some programs obey at once, some never.
    const ms = this.#random.chance(0.2) ? graceMs : Math.min(graceMs, this.#random.exponential(50))
    const obeys = ms < graceMs
    // Most services end with success on SIGTERM.
    const endsWell = obeys && this.#random.chance(0.3)
    this.#world.timeline.after(ms, () =>
      endsWell ? this.end(0, null) : this.end(null, obeys ? 'SIGTERM' : 'SIGKILL'),
    )
  }

  guardUntil(bootMs: number): void {
    const { machine } = this.#child.worker
    this.#cancelGuard()
    const leftMs = Math.max(0, bootMs - machine.monotonicMs()) / machine.rate
    this.#cancelGuard = this.#world.timeline.after(leftMs, () => {
      if (!this.#isStopping) this.#world.checks.work.killedUnasked(this.#child)
      this.end(null, 'SIGKILL')
    })
  }

  end(exitCode: number | null, signal: string | null): void {
    if (this.isOver) return
    this.isOver = true
    this.#cancelGuard()
    this.#executor?.place.kill()
    this.#onEnd(exitCode, signal)
  }
}
