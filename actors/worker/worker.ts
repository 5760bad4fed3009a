import { setTimeout as delay } from 'node:timers/promises'
import { formatHostPort, formatMasterAddress, parseMasterAddresses } from '../../runtime/addresses.js'
import type { Clock } from '../../runtime/clock.js'
import { readerSeal } from '../../runtime/code/machine-seal.js'
import { reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import type { CgroupHome } from '../../runtime/process/cgroup-files.js'
import {
  adoptGuard,
  type Guard,
  type GuardEvent,
  type GuardOptions,
  startGuard,
} from '../../runtime/process/guard.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { Cause } from '../../runtime/system/envelope.js'
import type { Ref } from '../../runtime/system/ref.js'
import type { NodeSpans } from '../../runtime/telemetry/node-spans.js'
import { Dialer } from '../../runtime/transport/dialer.js'
import type { Gateway } from '../../runtime/transport/gateway.js'
import { isGranted } from '../../runtime/transport/grant.js'
import { newIncarnation, type PeerIdentity } from '../../runtime/transport/identity.js'
import { deriveGrantKey, deriveKey, joinKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import type { WorkerMessage } from '../messages/catalogue.js'
import type { Confinement } from '../messages/workers.js'
import { codeHere, driverPlan, executorPlan } from './child-plans.js'
import { Children } from './children.js'
import { WorkerCode } from './code/worker-code.js'
import { confinementOf, controlGroups, mayReserveFor } from './confinement.js'
import { LogStreams } from './log-streams.js'
import { type FindLog, keptLogs } from './logs/kept-log.js'
import { ProcessCauses } from './process-causes.js'
import { ProcessSpans } from './process-spans.js'
import type { FormerWorker } from './restart/former-worker.js'
import { type HandOverParts, handOver } from './restart/hand-over.js'
import type { SavedWorker } from './restart/saved-worker.js'
import type { WorkerStatus } from './status.js'
import { fileError, makeRoot, WorkFolders } from './work-folders.js'
import type { WorkerConfig } from './worker-config.js'
import { WorkerCore } from './worker-core.js'
import type { Now } from './worker-events.js'
import type { WorkerStanding } from './worker-families.js'
import { type WorkerTimes, workerTimes } from './worker-identity.js'
import { WorkerMetrics } from './worker-metrics.js'
import { type WorkerActorMessage, type WorkerSelfMessage, WorkerShell } from './worker-shell.js'

/** Name of the Worker's actor, to which Masters and clients send. */
export const WORKER_ACTOR = 'Worker'

export interface WorkerOptions {
  readonly system: ActorSystem
  /** The node's gateway, with the catalogue of the Worker. It serves this Worker from now on. */
  readonly gateway: Gateway<WorkerMessage>
  readonly config: WorkerConfig
  readonly clock: Clock
  readonly log: Log
  /** Tests set shorter times. */
  readonly times?: Partial<WorkerTimes>
  /** Program of the executors; default: this package's. */
  readonly executorMain?: string
  /** Where the spans of its processes go. Absent: this node has no tracing.otlp. */
  readonly spans?: NodeSpans | undefined
  /** What the process that was this Worker before has left. The incarnation of `config` is the same then. */
  readonly former?: FormerWorker | undefined
  /** Tests stop here: the steps of a restart, by their names. */
  readonly onRestartStep?: HandOverParts['onStep']
  /** A Master tells it to restart as announced. Whoever runs this Worker then calls `handOver`. */
  readonly onRestartAsked?: (() => void) | undefined
  /** Called for each frame of a Master that cannot be read. */
  readonly onUnreadable?: () => void
}

export interface Worker {
  readonly incarnation: string
  /** Process id of the guard, while one runs. */
  readonly guardPid: number | undefined
  readonly metrics: WorkerMetrics
  status(): WorkerStatus
  standing(): WorkerStanding
  /** An output that it keeps. */
  readonly findLog: FindLog
  /** Takes a link that carries code. */
  codeLink(link: Link): void
  /** Takes no more work. Resolves when nothing is left, or the time is over; `stop` ends the rest. */
  drain(deadlineMs: number, reason?: string): Promise<void>
  /**
   * Ends this Worker as a part of its restart: its processes live on for a while, until the next process
   * takes them back (protocol 8.6). Rejects with RESTART_REFUSED, and goes on, if that is not possible now.
   */
  handOver(webPort: number): Promise<void>
  /** Stops all processes in order, sends the last reports to the Masters, closes its links. */
  stop(): Promise<void>
}

const FLUSH_MS = innerLimits.lastReportsMs
const FLUSH_LOOK_MS = innerLimits.lastReportsLookMs
const INFORM_AGAIN_MS = innerLimits.informAgainMs

/** Rejects with ADDRESS_INVALID, DISK_FULL or SPAWN_FAILED (work folder, guard), SECRET_TOO_SHORT. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { config, log } = options
  // These checks come before any start: a wrong address or secret must not leave a guard behind.
  config.masters.forEach(parseMasterAddresses)
  deriveKey(config.secret, 'node')
  await makeWorkFolder(config)
  const metrics = new WorkerMetrics()
  const guardOptions: GuardOptions = {
    name: config.name,
    orphanGraceMs: config.orphanGraceMs,
    mayGainPrivileges: config.noNewPrivileges === false,
    onEvent: (event) => {
      if (event.event === 'exited') metrics.guardRestarts++
      logGuard(log, event)
    },
  }
  const grouping = controlGroups(options)
  // The guard must be in the group that the kernel keeps for this Worker. Elsewhere it starts meanwhile.
  if (mayReserveFor(config)) await grouping
  const guard = options.former
    ? adoptGuard(options.former.guard, guardOptions)
    : await startGuard(guardOptions)
  if (guard.mayGainPrivileges && config.noNewPrivileges !== false)
    log.warn('what this Worker runs may gain privileges, such as by sudo: setpriv is not there')
  try {
    const cgroup = await grouping
    if (cgroup) guard.confine(cgroup)
    const worker = new RunningWorker(options, guard, metrics, cgroup)
    await worker.begin()
    return worker
  } catch (error) {
    await guard.close()
    throw error
  }
}

class RunningWorker implements Worker {
  readonly incarnation: string
  readonly metrics: WorkerMetrics
  readonly findLog: FindLog
  readonly #options: WorkerOptions
  readonly #guard: Guard
  readonly #confinement: Confinement
  readonly #core: WorkerCore
  readonly #dialer: Dialer
  /** Peer -> the address at which it was dialled. */
  readonly #dialled = new WeakMap<PeerIdentity, string>()
  readonly #children: Children
  readonly #causes = new ProcessCauses()
  readonly #code: WorkerCode
  readonly #logs: LogStreams
  readonly #actor: Ref<WorkerActorMessage>
  readonly #childless: Promise<void>
  #onChildless!: () => void
  readonly #drained: Promise<void>
  #onDrained!: () => void
  #onRestartNoted: () => void = () => undefined
  #onSaved: (saved: SavedWorker) => void = () => undefined
  #stop: Promise<void> | undefined
  #isOver = false

  constructor(options: WorkerOptions, guard: Guard, metrics: WorkerMetrics, cgroup: CgroupHome | undefined) {
    this.#confinement = confinementOf(options.config, guard, cgroup)
    const { system, gateway, config, clock, log } = options
    this.#options = options
    this.#guard = guard
    this.metrics = metrics
    this.incarnation = config.incarnation ?? newIncarnation(config.name)
    this.#childless = new Promise((resolve) => {
      this.#onChildless = resolve
    })
    this.#drained = new Promise((resolve) => {
      this.#onDrained = resolve
    })
    this.#core = this.#makeCore(nowOf(clock))
    this.#dialer = this.#makeDialer()
    const folders = new WorkFolders(config.workDir, log, config.runAs)
    this.findLog = keptLogs({ root: config.workDir, lives: (id) => this.#core.lives(id) })
    this.#children = this.#makeChildren(folders)
    this.#code = new WorkerCode({
      users: options.former?.codes,
      config,
      log,
      wallMs: clock.wallMs,
      isLive: (id) => this.#core.lives(id) || this.#core.hasApplication(id),
      onFetching: (process, fetching) =>
        this.#inform({ type: 'ProcessFetching', process, fetching }, this.#causes.of(process)),
      onCodes: (codes) => this.#inform({ type: 'CodesChanged', codes }),
    })
    const grantKey = deriveGrantKey(config.secret)
    this.#logs = new LogStreams({
      folders,
      lives: (id) => this.#core.lives(id),
      mayRead: ({ role, subject }, { id, grant }) =>
        role === 'node' || subject === undefined || isGranted(grantKey, grant, subject, id, clock.wallMs()),
      send: (peer, chunk) => gateway.send(peer, chunk),
      bufferedBytes: (peer) => gateway.link(peer)?.bufferedBytes ?? 0,
    })
    const parts = {
      core: this.#core,
      gateway,
      children: this.#children,
      causes: this.#causes,
      folders,
      logs: this.#logs,
      dialer: this.#dialer,
      addressOf: (peer) => this.#dialled.get(peer),
      clock,
      log,
      onDrained: () => this.#onDrained(),
      onStopped: () => this.#onChildless(),
      onRestartNoted: () => this.#onRestartNoted(),
      onSaved: (saved) => this.#onSaved(saved),
      onRestartAsked: () => options.onRestartAsked?.(),
      driverPlan: async ({ process, launch, attempt }, trace, signal) => {
        const made = config.codeRoots ? undefined : await this.#code.ofDriver(process, launch, signal)
        const code = codeHere(made)
        return driverPlan(launch, attempt, config, this.#dialer.addresses, trace, code)
      },
      tokensInForce: (ids) => config.onTokens?.(ids),
      keepCode: (message) => this.#code.keep(message),
      executorPlan: async ({ process, launch }, origin, signal) => {
        const made = config.codeRoots ? undefined : await this.#code.ofExecutor(process, launch, signal)
        const code = codeHere(made)
        return executorPlan(launch, config, this.incarnation, origin, code, options.executorMain)
      },
      spans: new ProcessSpans(options.spans, config.name),
    } satisfies ConstructorParameters<typeof WorkerShell>[0]
    // A core that throws is inconsistent. The node then ends, and its guard kills the processes.
    this.#actor = system.spawn<WorkerActorMessage>(WORKER_ACTOR, (context) => new WorkerShell(parts, context))
    gateway.serve(this.#actor)
  }

  /** What the process before has left is here before any Master is dialled. */
  async begin(): Promise<void> {
    const processes = this.#options.former?.processes ?? []
    await Promise.all(processes.map((process) => this.#children.resume(process)))
    this.#inform({ type: 'Start' })
    this.#code.open()
  }

  get guardPid(): number | undefined {
    return this.#guard.pid
  }

  status(): WorkerStatus {
    return this.#core.status()
  }

  standing(): WorkerStanding {
    return this.#core.standing()
  }

  codeLink(link: Link): void {
    this.#code.link(link)
  }

  drain(deadlineMs: number, reason?: string): Promise<void> {
    this.#inform({ type: 'Drain', deadlineMs, reason })
    return this.#drained
  }

  stop(): Promise<void> {
    this.#stop ??= this.#stopInOrder()
    return this.#stop
  }

  async handOver(webPort: number): Promise<void> {
    try {
      await this.#handOver(webPort)
    } catch (error) {
      this.#inform({ type: 'RestartRefused', reason: reasonOf(error) })
      throw error
    }
    await this.#close()
    this.#guard.leave()
  }

  #handOver(webPort: number): Promise<void> {
    const { config, clock, onRestartStep } = this.#options
    const { restartMs } = this.#core.times
    return handOver({
      workDir: config.workDir,
      name: config.name,
      guard: this.#guard,
      clock,
      restartMs,
      notedMs: limits.restartNotedMs,
      place: { cluster: config.cluster, incarnation: this.incarnation, port: config.port, webPort },
      announce: () =>
        new Promise((resolve) => {
          this.#onRestartNoted = resolve
          // A Master waits until the guard has certainly ended what nobody took back.
          this.#inform({ type: 'AnnounceRestart', forMs: restartMs + limits.guardMarginMs })
        }),
      pause: () => this.#children.pause(),
      processes: () => this.#children.save(),
      codes: () => this.#code.users,
      saveCore: () =>
        new Promise((resolve) => {
          this.#onSaved = resolve
          this.#inform({ type: 'SaveCore' })
        }),
      onStep: onRestartStep,
    })
  }

  async #stopInOrder(): Promise<void> {
    this.#inform({ type: 'Stop' })
    await this.#childless
    await this.#flush()
    await this.#close()
    await this.#guard.close()
  }

  async #close(): Promise<void> {
    this.#isOver = true
    this.#logs.stopAll()
    this.#code.close()
    this.#dialer.closeAll('the Worker has stopped')
    await this.#options.system.stop(this.#actor)
    this.#children.close()
  }

  /** Waits until the kernel has the last reports. */
  async #flush(): Promise<void> {
    const untilMs = this.#options.clock.monotonicMs() + FLUSH_MS
    // At least one turn passes, so that the messages reach their link.
    do await delay(FLUSH_LOOK_MS)
    while (this.#buffered() && this.#options.clock.monotonicMs() < untilMs)
  }

  #buffered(): boolean {
    for (const link of this.#options.gateway.links) if (link.bufferedBytes > 0) return true
    return false
  }

  #makeCore(now: Now): WorkerCore {
    const { config, times } = this.#options
    const identity = {
      incarnation: this.incarnation,
      name: config.name,
      host: config.advertise ?? config.host,
      port: config.port,
      cores: config.cores,
      memoryMib: config.memoryMib,
      resources: config.resources,
      labels: config.labels,
      web: config.web,
      confinement: this.#confinement,
      code: { place: config.code.inPlace ? readerSeal(config.runAs) : undefined },
      ...(config.isSupervised && { isSupervised: true as const }),
      ...(config.orphanGraceMs > 0 && { orphanGraceMs: config.orphanGraceMs }),
    }
    const masters = config.masters.flatMap(parseMasterAddresses).map(formatMasterAddress)
    return new WorkerCore(
      identity,
      workerTimes(config.workerTimeoutMs, times),
      masters,
      now,
      this.#options.former?.core,
    )
  }

  #makeDialer(): Dialer {
    const { config, gateway, clock, log, onUnreadable } = this.#options
    const host = config.advertise ?? config.host
    return new Dialer({
      identity: {
        cluster: config.cluster,
        incarnation: this.incarnation,
        advertise: formatHostPort({ host, port: config.port }),
      },
      ...(config.join === undefined
        ? { role: 'node' as const, key: deriveKey(config.secret, 'node') }
        : { role: 'worker' as const, subject: config.join, key: joinKey(config.secret, config.join) }),
      tls: config.tls,
      deadMs: config.linkDeadMs,
      clock,
      onLink: (address, link) => {
        this.#dialled.set(link.peer, address)
        gateway.attach(link)
      },
      onRefused: (address, { code, message }) =>
        log.error('a Master refused this Worker', { address, code, reason: message }),
      onInvalid: (address, { detail, count }) => {
        onUnreadable?.()
        log.warn('a Master sent what cannot be read', { address, detail, count })
      },
    })
  }

  #makeChildren(folders: WorkFolders): Children {
    const { config, clock, log } = this.#options
    return new Children({
      folders,
      guard: this.#guard,
      outputFileBytes: config.outputFileBytes,
      metrics: this.metrics,
      clock,
      log,
      listener: {
        started: (process, pid) =>
          this.#inform({ type: 'ProcessStarted', process, pid }, this.#causes.of(process)),
        startFailed: (process, failure) =>
          this.#inform({ type: 'ProcessStartFailed', process, failure }, this.#causes.take(process)),
        ready: (process) => this.#inform({ type: 'ProcessReady', process }, this.#causes.of(process)),
        unhealthy: (process, reason) =>
          this.#inform({ type: 'ProcessUnhealthy', process, reason }, this.#causes.of(process)),
        worn: (process, reason) =>
          this.#inform({ type: 'ProcessWorn', process, reason }, this.#causes.of(process)),
        ended: (process, end) =>
          this.#inform({ type: 'ProcessEnded', process, end }, this.#causes.take(process)),
      },
    })
  }

  #inform(message: WorkerSelfMessage, cause?: Cause): void {
    if (this.#isOver || this.#options.system.tell(this.#actor, message, undefined, cause)) return
    setTimeout(() => this.#inform(message, cause), INFORM_AGAIN_MS).unref()
  }
}

async function makeWorkFolder({ workDir, runAs }: WorkerConfig): Promise<void> {
  try {
    await makeRoot(workDir, runAs !== undefined)
  } catch (error) {
    throw fileError(error, workDir)
  }
}

function nowOf(clock: Clock): Now {
  return { monotonicMs: clock.monotonicMs(), bootMs: clock.bootMs(), wallMs: clock.wallMs() }
}

function logGuard(log: Log, event: GuardEvent): void {
  if (event.event === 'started') log.debug('guard started', { pid: event.pid })
  else if (event.event === 'adopted')
    log.info('taken back from the process before', { guard: event.pid, processes: event.groups })
  else if (event.event === 'exited')
    log.warn('the guard ended; another starts', { pid: event.pid, exit: event.exit, said: event.words })
  else if (event.event === 'ungrouped')
    log.warn('a process has no control group, or no limits there', { reason: event.reason })
  else log.error('the guard could not be started; trying again', { reason: event.reason })
}
