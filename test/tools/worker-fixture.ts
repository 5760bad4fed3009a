import type { WorkerMessage } from '../../actors/messages/catalogue.js'
import { violation } from '../../actors/messages/catalogue.js'
import type { DriverDescription, Position } from '../../actors/messages/common.js'
import type { LaunchDriver } from '../../actors/messages/drivers.js'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import { applicationDescription, driverDescription, workerOffer } from '../../actors/messages/samples.js'
import type { SavedWorker } from '../../actors/worker/restart/saved-worker.js'
import { WorkerCore } from '../../actors/worker/worker-core.js'
import type { CoreMessage, ProcessEnd, WorkerEffect, WorkerInput } from '../../actors/worker/worker-events.js'
import { type WorkerIdentity, workerTimes } from '../../actors/worker/worker-identity.js'
import type { WorkerTimer } from '../../actors/worker/worker-timer.js'

export const ME = 'w1-0123456789abcdef'
export const MASTER = 'm1-aaaa'
export const OTHER_MASTER = 'm2-bbbb'
export const MASTER_ADDRESS = 'firesteel://127.0.0.1:7070'
const OTHER_ADDRESS = 'firesteel://127.0.0.1:7071'

export const identity: WorkerIdentity = {
  ...workerOffer,
  incarnation: ME,
  memoryMib: 4096,
  resources: { gpu: ['0', '1'] },
  labels: { zone: 'a' },
}

export const APP = 'app-20260101000000-1-0000'
export const DRIVER = 'driver-20260101000000-1-0000'

export function launchExecutor(execId: number, changes: Partial<LaunchExecutor> = {}): LaunchExecutor {
  return {
    type: 'LaunchExecutor',
    workerId: ME,
    appId: APP,
    execId,
    cores: 1,
    memoryMib: 128,
    resources: {},
    application: applicationDescription,
    driver: '127.0.0.1:5000',
    registrant: { role: 'client' },
    ...changes,
  }
}

export function launchDriver(
  generation: number,
  description: Partial<DriverDescription> = {},
  changes: Partial<LaunchDriver> = {},
): LaunchDriver {
  return {
    type: 'LaunchDriver',
    workerId: ME,
    driverId: DRIVER,
    generation,
    resources: {},
    description: { ...driverDescription, ...description },
    ...changes,
  }
}

export type Told = Extract<WorkerEffect, { kind: 'tell' }>['message']

/**
 * A Worker core whose time, Masters and processes are the test. Everything it says is checked by the
 * catalogue.
 */
export class WorkerWorld {
  readonly core: WorkerCore
  readonly #linked = new Set<string>()
  nowMs: number
  effects: WorkerEffect[] = []
  position: Position = { epoch: 1, seq: 10 }

  /** W is 60 s. */
  constructor(
    times: Parameters<typeof workerTimes>[1] = {},
    masters: readonly string[] = [MASTER_ADDRESS],
    { saved, nowMs = 1000 }: { saved?: SavedWorker; nowMs?: number } = {},
  ) {
    this.nowMs = nowMs
    this.core = new WorkerCore(identity, workerTimes(60_000, times), masters, this.#now(), saved)
  }

  /**
   * The next process of this Worker in a planned restart, so long afterwards, with what it gets through its
   * guard.
   */
  next(gapMs = 0): WorkerWorld {
    const saved = JSON.parse(JSON.stringify(this.core.save(this.#now()))) as SavedWorker
    const world = new WorkerWorld({}, [MASTER_ADDRESS], { saved, nowMs: this.nowMs + gapMs })
    world.position = this.position
    return world
  }

  /** One that has registered with MASTER in epoch 1, with the effects of that forgotten. */
  static registered(times: Parameters<typeof workerTimes>[1] = {}): WorkerWorld {
    const world = new WorkerWorld(times)
    world.step({ kind: 'start' })
    world.leads(MASTER)
    world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false })
    world.effects = []
    return world
  }

  step(input: WorkerInput): WorkerEffect[] {
    this.effects = this.core.step(input, this.#now())
    for (const effect of this.effects) {
      if (effect.kind !== 'tell') continue
      const why = violation('master', effect.message)
      if (why !== undefined) throw new Error(`the Worker said what no Master takes: ${why}`)
    }
    return this.effects
  }

  /** From the leader unless told. */
  hear(message: CoreMessage, from = MASTER, position: Position = this.#next()): WorkerEffect[] {
    const why = violation('worker', message satisfies WorkerMessage)
    if (why !== undefined) throw new Error(`no Master says this: ${why}`)
    // Whatever a test is about, a Master is heard over a link that the Worker dialled.
    if (!this.#linked.has(from)) this.link(from)
    return this.step({ kind: 'message', from, role: 'node', position, message })
  }

  /** A new link to this Master, who says that it leads. */
  leads(master: string, epoch = this.position.epoch): WorkerEffect[] {
    this.position = { epoch, seq: this.position.seq + 1 }
    this.link(master)
    const masters = [MASTER_ADDRESS, OTHER_ADDRESS]
    return this.hear(
      { type: 'MasterChanged', master: MASTER_ADDRESS, web: null, masters },
      master,
      this.position,
    )
  }

  /** A link that the Worker dialled. */
  link(master: string, address = master === OTHER_MASTER ? OTHER_ADDRESS : MASTER_ADDRESS): WorkerEffect[] {
    this.#linked.add(master)
    return this.step({ kind: 'linkUp', peer: master, address })
  }

  /** What a STANDBY says: first on a link, or to a Heartbeat sent at `heartbeatSentAtMs`. */
  standby(master: string, masters: string[], heartbeatSentAtMs?: number): WorkerEffect[] {
    const answer = heartbeatSentAtMs === undefined ? {} : { heartbeatSentAtMs }
    return this.hear({ type: 'MasterInStandby', masters, ...answer }, master, { epoch: 0, seq: 0 })
  }

  linkDown(master = MASTER): void {
    this.#linked.delete(master)
    this.step({ kind: 'linkDown', peer: master })
  }

  later(ms: number): void {
    this.nowMs += ms
  }

  timer(timer: WorkerTimer): WorkerEffect[] {
    return this.step({ kind: 'timer', timer })
  }

  started(process: string): WorkerEffect[] {
    return this.step({ kind: 'started', process, pid: 4242 })
  }

  ended(process: string, end: Partial<ProcessEnd> = {}): WorkerEffect[] {
    return this.step({ kind: 'ended', process, end: { exitCode: 0, signal: null, ...end } })
  }

  /** Messages of the last step, with whom they went to. */
  tells(): { to: string; message: Told }[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'tell' ? [{ to: effect.to, message: effect.message }] : [],
    )
  }

  told<T extends Told['type']>(type: T): Extract<Told, { type: T }>[] {
    return this.tells().flatMap(({ message }) =>
      message.type === type ? [message as Extract<Told, { type: T }>] : [],
    )
  }

  done<K extends WorkerEffect['kind']>(kind: K): Extract<WorkerEffect, { kind: K }>[] {
    return this.effects.filter((effect) => effect.kind === kind) as Extract<WorkerEffect, { kind: K }>[]
  }

  #next(): Position {
    this.position = { ...this.position, seq: this.position.seq + 1 }
    return this.position
  }

  #now() {
    return { monotonicMs: this.nowMs, bootMs: this.nowMs, wallMs: Date.UTC(2026, 0, 1) + this.nowMs }
  }
}
