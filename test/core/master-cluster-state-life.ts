import assert from 'node:assert/strict'
import type { ClusterState } from '../../actors/master/cluster-state.js'
import type { MasterMessage, WorkerMessage } from '../../actors/messages/catalogue.js'
import type { ResourceAddresses, ResourceAmounts } from '../../actors/messages/common.js'
import { applicationDescription, workerOffer } from '../../actors/messages/samples.js'
import { MasterWorld } from '../tools/master-fixture.js'
import { modelOf } from './placement-cluster.js'
import { type ModelLaunch, modelSchedule } from './placement-model.js'

export type LifeEvent =
  | {
      readonly kind: 'worker'
      readonly n: number
      readonly cores: number
      readonly memoryMib: number
      readonly gpus: number
    }
  | {
      readonly kind: 'submit'
      readonly cores: number
      readonly memoryMib: number
      readonly resources: ResourceAmounts
      readonly supervise: boolean
    }
  | {
      readonly kind: 'app'
      readonly maxCores: number | undefined
      readonly cores: number | undefined
      readonly memoryMib: number
      readonly resources: ResourceAmounts
    }
  | { readonly kind: 'request'; readonly app: number; readonly total: number }
  | { readonly kind: 'killOne'; readonly app: number; readonly which: number }
  | { readonly kind: 'unregister'; readonly app: number }
  | { readonly kind: 'killDriver'; readonly which: number }
  /** The Worker handles all that the Master has told it. */
  | { readonly kind: 'read'; readonly n: number }
  | { readonly kind: 'end'; readonly n: number; readonly which: number; readonly failed: boolean }
  | { readonly kind: 'cut'; readonly n: number }
  | { readonly kind: 'back'; readonly n: number }
  | { readonly kind: 'time'; readonly ms: number }

type LaunchExecutor = Extract<WorkerMessage, { type: 'LaunchExecutor' }>
type LaunchDriver = Extract<WorkerMessage, { type: 'LaunchDriver' }>

/** A process on a Worker, as it was launched. */
interface Running {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
  readonly launch: LaunchExecutor | LaunchDriver
}

/** A plain Worker: it obeys, refuses nothing, and checks that it never had to. */
interface PlainWorker {
  readonly id: string
  readonly port: number
  readonly cores: number
  readonly memoryMib: number
  readonly gpus: readonly string[]
  readonly running: Map<string, Running>
  /** Told to end: a kill frees nothing, the end of the process does (protocol 8). */
  readonly dying: Set<string>
  /** Ends that it could not tell yet. */
  readonly ends: MasterMessage[]
  linked: boolean
  /** How much of what was told to anybody it has looked at. */
  read: number
}

const HEARTBEAT_MS = 5000

/** One Master and its plain Workers, on virtual time. */
export class ClusterStateLife {
  readonly #world: MasterWorld
  readonly #workers = new Map<number, PlainWorker>()
  readonly #apps: { readonly id: string; readonly endpoint: string }[] = []
  readonly #drivers: string[] = []
  #names = 0
  #changes = 0
  #requests = 0
  /** Processes started, over the whole life. */
  started = 0

  constructor(spreadOut: boolean) {
    this.#world = new MasterWorld({ spreadOut }).elect()
  }

  get #cluster(): ClusterState {
    return this.#world.core.cluster!
  }

  happen(event: LifeEvent): void {
    const world = this.#world
    switch (event.kind) {
      case 'worker':
        this.#newWorker(event)
        return
      case 'submit': {
        const { kind: _, ...parts } = event
        this.#drivers.push(world.submitted(parts))
        return
      }
      case 'app':
        this.#register(event)
        return
      case 'request': {
        const app = this.#apps[event.app]
        if (!app) return
        const { total } = event
        world.ask(app.endpoint, { type: 'RequestExecutors', appId: app.id, request: ++this.#requests, total })
        return
      }
      case 'killOne': {
        const app = this.#apps[event.app]
        const execIds = [...(this.#cluster.apps.get(app?.id ?? '')?.executors.keys() ?? [])]
        const execId = execIds[event.which % Math.max(1, execIds.length)]
        if (!app || execId === undefined) return
        world.ask(app.endpoint, { type: 'KillExecutors', appId: app.id, execIds: [execId] })
        return
      }
      case 'unregister': {
        const app = this.#apps[event.app]
        if (app) world.tell(app.endpoint, { type: 'UnregisterApplication', appId: app.id })
        return
      }
      case 'killDriver': {
        const driverId = this.#drivers[event.which % Math.max(1, this.#drivers.length)]
        if (driverId !== undefined) world.ask('cli', { type: 'RequestKillDriver', driverId })
        return
      }
      case 'time':
        this.#pass(event.ms)
        return
      default:
        this.#atWorker(event)
    }
  }

  #atWorker(event: Extract<LifeEvent, { kind: 'read' | 'end' | 'cut' | 'back' }>): void {
    const worker = this.#workers.get(event.n)
    if (!worker) return
    if (event.kind === 'read') {
      this.#read(worker)
    } else if (event.kind === 'back') {
      // A new link takes the place of the old one, unread rest included (protocol R3).
      worker.read = this.#world.told.length
      this.#back(worker)
    } else if (event.kind === 'cut') {
      this.#cut(worker)
    } else {
      const key = [...worker.running.keys()][event.which % Math.max(1, worker.running.size)]
      if (key !== undefined) this.#ended(worker, key, event.failed ? 'FAILED' : 'FINISHED')
    }
  }

  #newWorker({ n, cores, memoryMib, gpus }: Extract<LifeEvent, { kind: 'worker' }>): void {
    const former = this.#workers.get(n)
    if (former?.linked) this.#cut(former)
    const worker: PlainWorker = {
      id: `w${n}-${++this.#names}`,
      port: 7001 + n,
      cores,
      memoryMib,
      gpus: Array.from({ length: gpus }, (_, at) => String(at)),
      running: new Map(),
      dying: new Set(),
      ends: [],
      linked: false,
      read: 0,
    }
    this.#workers.set(n, worker)
    this.#back(worker)
  }

  #register({ maxCores, cores, memoryMib, resources }: Extract<LifeEvent, { kind: 'app' }>): void {
    const endpoint = `endpoint-${++this.#names}`
    const executor = { memoryMib, resources, ...(cores !== undefined && { cores }) }
    const id = this.#world.application(endpoint, {
      ...applicationDescription,
      executor,
      ...(maxCores !== undefined && { maxCores }),
    })
    this.#apps.push({ id, endpoint })
  }

  /** Link, registration, what it could not tell, full report (protocol R4). */
  #back(worker: PlainWorker): void {
    const { id, port, cores, memoryMib, gpus, running } = worker
    const world = this.#world
    worker.linked = true
    world.link(id)
    world.tell(id, {
      type: 'RegisterWorker',
      ...workerOffer,
      id,
      name: id,
      port,
      cores,
      memoryMib,
      resources: { gpu: [...gpus] },
    })
    for (const end of worker.ends.splice(0)) world.tell(id, end)
    const { epoch, seq } = world.position
    const executors = [...running.values()].flatMap(({ launch, ...holding }) =>
      launch.type === 'LaunchExecutor'
        ? [
            {
              appId: launch.appId,
              execId: launch.execId,
              state: 'RUNNING' as const,
              launchedAt: { epoch, seq, owner: 'm1' },
              ...holding,
            },
          ]
        : [],
    )
    const drivers = [...running.values()].flatMap(({ launch, resources }) =>
      launch.type === 'LaunchDriver'
        ? [
            {
              driverId: launch.driverId,
              generation: launch.generation,
              attempt: 1,
              state: 'RUNNING' as const,
              resources,
              description: launch.description,
              launchedAt: { epoch, seq, owner: 'm1' },
            },
          ]
        : [],
    )
    world.tell(id, { type: 'WorkerLatestState', id, executors, drivers })
  }

  /** What was on its way is lost with the link. */
  #cut(worker: PlainWorker): void {
    if (!worker.linked) return
    worker.linked = false
    worker.read = this.#world.told.length
    this.#world.unlink(worker.id)
  }

  #read(worker: PlainWorker): void {
    const { told } = this.#world
    while (worker.linked && worker.read < told.length) {
      const { to, message } = told[worker.read++]!
      if (to === worker.id) this.#obey(worker, message as WorkerMessage)
    }
  }

  #obey(worker: PlainWorker, message: WorkerMessage): void {
    switch (message.type) {
      case 'LaunchExecutor': {
        const { cores, memoryMib, resources } = message
        this.#start(worker, `${message.appId}/${message.execId}`, {
          cores,
          memoryMib,
          resources,
          launch: message,
        })
        return
      }
      case 'LaunchDriver': {
        const { cores, memoryMib } = message.description
        const { resources } = message
        this.#start(worker, `${message.driverId}/${message.generation}`, {
          cores,
          memoryMib,
          resources,
          launch: message,
        })
        return
      }
      case 'KillExecutor':
        worker.dying.add(`${message.appId}/${message.execId}`)
        return
      case 'KillDriver':
        worker.dying.add(`${message.driverId}/${message.generation}`)
        return
      case 'ReconnectWorker':
        this.#back(worker)
        return
      default:
    }
  }

  /**
   * A launch that comes again changes nothing (protocol R6). The Master's cluster state holds at least what
   * runs: there is always room.
   */
  #start(worker: PlainWorker, key: string, process: Running): void {
    if (worker.running.has(key)) return
    const all = [...worker.running.values(), process]
    const cores = all.reduce((sum, one) => sum + one.cores, 0)
    const memoryMib = all.reduce((sum, one) => sum + one.memoryMib, 0)
    const gpus = all.flatMap(({ resources }) => resources.gpu ?? [])
    assert.ok(cores <= worker.cores, `${worker.id} is told to run ${cores} of ${worker.cores} cores`)
    assert.ok(memoryMib <= worker.memoryMib, `${worker.id} is told to hold ${memoryMib} MiB`)
    assert.equal(new Set(gpus).size, gpus.length, `${worker.id} is told to use a gpu twice`)
    for (const address of gpus) assert.ok(worker.gpus.includes(address), `${worker.id} has no gpu ${address}`)
    worker.running.set(key, process)
    this.started++
    const { launch } = process
    if (launch.type !== 'LaunchExecutor') return
    this.#tell(worker, {
      type: 'ExecutorStateChanged',
      workerId: worker.id,
      change: ++this.#changes,
      appId: launch.appId,
      execId: launch.execId,
      state: 'RUNNING',
    })
  }

  #ended(worker: PlainWorker, key: string, state: 'FAILED' | 'FINISHED' | 'KILLED'): void {
    const process = worker.running.get(key)
    worker.running.delete(key)
    if (!process) return
    const { launch } = process
    const common = { workerId: worker.id, change: ++this.#changes }
    if (launch.type === 'LaunchDriver') {
      const { driverId, generation } = launch
      this.#tell(worker, { type: 'DriverStateChanged', ...common, driverId, generation, attempt: 1, state })
      return
    }
    const { appId, execId } = launch
    const ended = state === 'FINISHED' ? { state: 'EXITED' as const, exitStatus: 0 } : { state }
    this.#tell(worker, { type: 'ExecutorStateChanged', ...common, appId, execId, ...ended })
  }

  #tell(worker: PlainWorker, message: MasterMessage): void {
    if (worker.linked) this.#world.tell(worker.id, message)
    else worker.ends.push(message)
  }

  /** Time goes on; what was killed ends, who is linked sends its heartbeats. */
  #pass(ms: number): void {
    for (const worker of this.#workers.values()) {
      for (const key of worker.dying) this.#ended(worker, key, 'KILLED')
      worker.dying.clear()
    }
    for (let left = ms; left > 0; left -= HEARTBEAT_MS) {
      this.#world.advance(Math.min(left, HEARTBEAT_MS))
      for (const { id, linked } of this.#workers.values()) {
        if (linked) this.#world.tell(id, { type: 'Heartbeat', workerId: id, sentAtMs: this.#world.nowMs })
      }
    }
  }

  /** The cluster state, taken apart. */
  audit(): void {
    for (const worker of this.#cluster.workers.values()) {
      const held = [...worker.holdings.values()]
      const { cores, memoryMib, resources } = worker.record
      const coresHeld = held.reduce((sum, one) => sum + one.cores, 0)
      const memoryHeld = held.reduce((sum, one) => sum + one.memoryMib, 0)
      assert.equal(worker.coresUsed, coresHeld)
      assert.equal(worker.memoryUsedMib, memoryHeld)
      assert.ok(coresHeld <= cores && memoryHeld <= memoryMib, `${worker.id} is over-committed`)
      const gpus = held.flatMap((one) => one.resources.gpu ?? [])
      assert.equal(new Set(gpus).size, gpus.length, `${worker.id}: a gpu is held twice`)
      for (const gpu of gpus) assert.ok(resources.gpu?.includes(gpu))
    }
    for (const app of this.#cluster.apps.values()) {
      const { maxCores } = app.record.description
      if (maxCores !== undefined) assert.ok(app.coresGranted <= maxCores, `${app.id} has too many cores`)
    }
    const { launchFailures } = this.#cluster
    // What came to nothing there a moment ago is not launched there again at once.
    const rests = ({ id, worker }: ModelLaunch) =>
      !['fresh', 'due'].includes(launchFailures.standing(id, worker, this.#world.nowMs))
    const left = modelSchedule(modelOf(this.#cluster, this.#world.nowMs)).launches
    assert.deepEqual(
      left.filter((launch) => !rests(launch)),
      [],
      'something could have been placed',
    )
  }

  /** No more faults: all that was lost is repaired by reports. */
  heal(): void {
    for (const worker of this.#workers.values()) this.#cut(worker)
    for (let round = 0; round < 5; round++) {
      for (const worker of this.#workers.values()) {
        if (!worker.linked) this.#back(worker)
        this.#read(worker)
      }
      this.#pass(HEARTBEAT_MS)
    }
  }

  /** What the cluster state holds runs, and what runs is in the cluster state. */
  agree(): void {
    for (const worker of this.#workers.values()) {
      this.#read(worker)
      const held = [...(this.#cluster.workers.get(worker.id)?.holdings.keys() ?? [])]
      assert.deepEqual(held.sort(), [...worker.running.keys()].sort(), `${worker.id}: books and processes`)
    }
  }
}
