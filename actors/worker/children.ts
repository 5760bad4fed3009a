import { dirname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../runtime/clock.js'
import { FiresteelError, isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import { limitsOf } from '../../runtime/process/cgroup-home.js'
import type { ProcessExit } from '../../runtime/process/child-end.js'
import { isDescriptorShortage, patiently } from '../../runtime/process/descriptors.js'
import { followGuarded, type GuardedChild, type Outputs } from '../../runtime/process/guarded-child.js'
import { KernelKills } from '../../runtime/process/kernel-kills.js'
import { type MemoryExcess, MemoryWatch } from '../../runtime/process/memory-watch.js'
import { type OutputFile, openOutputFile, unwatchedOutput } from '../../runtime/process/output-file.js'
import { outputEnd } from '../../runtime/process/output-segments.js'
import { readOutput } from '../../runtime/process/read-output.js'
import type { Spawner } from '../../runtime/process/spawner.js'
import { UncollectedChildren } from '../../runtime/process/uncollected.js'
import type { Healthcheck, Readiness } from '../messages/common.js'
import { noteAttempt } from './attempt-list.js'
import type { ChildPlan } from './child-plans.js'
import { heapExhaustion, mayBeHeapExhaustion } from './heap-exhaustion.js'
import { Probes } from './probes.js'
import type { SavedProcess } from './restart/saved-process.js'
import { fileError, type WorkFolders } from './work-folders.js'
import type { OverMemory, ProcessEnd, ProcessName, StartFailure } from './worker-events.js'
import type { WorkerMetrics } from './worker-metrics.js'

/** Reports on a process, in this order. `startFailed` or `ended` is the last call for it. */
export interface ChildListener {
  started(process: ProcessName, pid: number): void
  startFailed(process: ProcessName, failure: StartFailure): void
  ended(process: ProcessName, end: ProcessEnd): void
  /** Between `started` and `ended`. */
  ready?(process: ProcessName): void
  unhealthy?(process: ProcessName, reason: string): void
  /** It uses more than its `maxMemory`, or keeps too many ended children. Told at each look. */
  worn?(process: ProcessName, reason: string): void
}

export interface ChildrenOptions {
  readonly folders: WorkFolders
  readonly guard: Spawner
  readonly outputFileBytes?: number | undefined
  readonly listener: ChildListener
  readonly metrics?: WorkerMetrics | undefined
  readonly clock: Clock
  readonly log: Log
  /** Between two looks at what runs. Default: `memoryCheckMs`. */
  readonly lookMs?: number | undefined
  /** Default: as the kernel of this machine counts them. */
  readonly kernelKills?: Pick<KernelKills, 'look' | 'hasKilled'> | undefined
}

/** The outputs of one process. */
interface OwnOutputs extends Outputs {
  /** Where the standard output of this process begins, in bytes ever written. */
  readonly from: number
}

/** One process from its start to the end of its group. */
interface Running {
  readonly child: GuardedChild
  readonly outputs: OwnOutputs
  readonly folder: string
  readonly memoryMib: number
  readonly maxMemoryMib?: number | undefined
  killAtBootMs?: number
  excess?: MemoryExcess
}

/** Of the standard error of a process that aborted: enough for the last words of Node. */
const LAST_LINES = innerLimits.abortLines
const LAST_BYTES = innerLimits.abortBytes
const MESSAGE_CHARS = innerLimits.endMessageChars

/** The processes of this Worker: its executors and drivers. */
export class Children {
  readonly #options: ChildrenOptions
  readonly #running = new Map<ProcessName, Running>()
  /** "Valid until" by the boot clock, from start to end, for the processes that have one. */
  readonly #validUntil = new Map<ProcessName, number>()
  /** Starts that the guard was asked for, and ends that are about to be told. */
  readonly #inHand = new Set<Promise<unknown>>()
  /** A planned restart: the next process of this Worker starts and ends what this one has not. */
  #isPaused = false
  readonly #kernel: Pick<KernelKills, 'look' | 'hasKilled'>
  readonly #memory: MemoryWatch
  readonly #probes: Probes

  constructor(options: ChildrenOptions) {
    this.#options = options
    const { listener, folders, lookMs = limits.memoryCheckMs } = options
    this.#probes = new Probes({
      within: folders.root,
      onReady: (process) => listener.ready?.(process),
      onUnhealthy: (process, reason) => listener.unhealthy?.(process, reason),
    })
    this.#kernel = options.kernelKills ?? new KernelKills()
    this.#memory = new MemoryWatch(lookMs, undefined, () => this.#kernel.look())
  }

  /** After `validUntilBootMs` it is not started, and the guard kills it even if this Worker is suspended. */
  start(process: ProcessName, plan: Promise<ChildPlan>, validUntilBootMs?: number): void {
    if (validUntilBootMs !== undefined) this.#validUntil.set(process, validUntilBootMs)
    // `#run` never rejects: it tells the listener of every failure.
    void this.#run(process, plan)
  }

  /** Does nothing for a process that was started without a "valid until". */
  extend(process: ProcessName, validUntilBootMs: number): void {
    if (!this.#validUntil.has(process)) return
    this.#validUntil.set(process, validUntilBootMs)
    const running = this.#running.get(process)
    if (running) this.#options.guard.extend(running.child.pid, validUntilBootMs)
  }

  /** SIGTERM or `signal` to the group, SIGKILL after the grace. */
  stop(process: ProcessName, graceMs: number, signal?: NodeJS.Signals): void {
    const running = this.#running.get(process)
    if (!running) return
    const killAtBootMs = this.#options.clock.bootMs() + graceMs
    // Whatever signal ends it now is ours.
    running.killAtBootMs = Math.min(killAtBootMs, running.killAtBootMs ?? killAtBootMs)
    void running.child.stop({ graceMs, ...(signal && { signal }) })
  }

  /** Looks until the driver is ready, or ends. */
  watchReady(process: ProcessName, readiness: Readiness): void {
    const outputs = this.#running.get(process)?.outputs
    if (outputs) this.#probes.ready(process, readiness, outputs.stdout, outputs.from)
  }

  /** Looks at the health of a driver until it ends. */
  watchHealth(process: ProcessName, healthcheck: Healthcheck): void {
    if (this.#running.has(process)) this.#probes.health(process, healthcheck)
  }

  /**
   * From now on nothing is started, and no end is told. Resolves when what the guard was asked for is
   * answered and told, so that `save` is complete.
   */
  async pause(): Promise<void> {
    this.#isPaused = true
    while (this.#inHand.size > 0) {
      await Promise.all(this.#inHand)
      await nextTurn()
    }
  }

  /** After `pause`: what runs. */
  save(): SavedProcess[] {
    return [...this.#running].map(([process, running]) => {
      const { child, outputs, folder, memoryMib, maxMemoryMib, killAtBootMs, excess } = running
      const validUntilBootMs = this.#validUntil.get(process)
      return {
        process,
        pid: child.pid,
        startTime: child.startTime,
        folder,
        memoryMib,
        outputFrom: outputs.from,
        ...(maxMemoryMib !== undefined && { maxMemoryMib }),
        known: child.follower.known,
        ...(validUntilBootMs !== undefined && { validUntilBootMs }),
        ...(killAtBootMs !== undefined && { killAtBootMs }),
        ...(excess && { excess }),
      }
    })
  }

  /** Takes back what the process before had started. The guard knows it, or its end. */
  async resume(saved: SavedProcess): Promise<void> {
    const { guard, clock } = this.#options
    const { process, pid, startTime, folder, memoryMib, validUntilBootMs, killAtBootMs, known } = saved
    if (validUntilBootMs !== undefined) this.#validUntil.set(process, validUntilBootMs)
    const outputs = { ...(await this.#openAgain(folder)), from: saved.outputFrom }
    const former = { known, terminated: killAtBootMs !== undefined }
    const child = followGuarded(guard.spawned(pid, startTime), outputs, former)
    const { maxMemoryMib } = saved
    const running: Running = { child, outputs, folder, memoryMib, maxMemoryMib }
    if (killAtBootMs !== undefined) running.killAtBootMs = killAtBootMs
    if (saved.excess) running.excess = saved.excess
    this.#running.set(process, running)
    if (killAtBootMs !== undefined) void child.stop({ graceMs: Math.max(0, killAtBootMs - clock.bootMs()) })
    void this.#follow(process, running)
  }

  /** Its output files are there. If they cannot be opened now, they are not rotated, and grow on. */
  async #openAgain(folder: string): Promise<Outputs> {
    const open = async (name: string): Promise<OutputFile> => {
      const path = join(folder, name)
      try {
        return await this.#openOutput(path)
      } catch (error) {
        this.#options.log.warn('an output file is not watched', { path, reason: reasonOf(error) })
        return unwatchedOutput(path)
      }
    }
    return { stdout: await open('stdout'), stderr: await open('stderr') }
  }

  close(): void {
    this.#memory.close()
    this.#probes.close()
  }

  async #run(process: ProcessName, planned: Promise<ChildPlan>): Promise<void> {
    const { listener, metrics } = this.#options
    let running: Running
    try {
      const plan = await planned
      // The next process of this Worker makes its own plan.
      if (this.#isPaused) return
      running = await this.#handled(this.#startPatiently(process, plan))
    } catch (error) {
      if (this.#isPaused) return
      this.#validUntil.delete(process)
      metrics?.processNotStarted(process)
      listener.startFailed(process, startFailure(error))
      return
    }
    this.#running.set(process, running)
    this.#extendStarted(process, running)
    this.#kernel.look()
    metrics?.processStarted(process)
    listener.started(process, running.child.pid)
    await this.#follow(process, running)
  }

  /** `pause` waits for it, and for what its result leads to in the same turn. */
  async #handled<T>(work: Promise<T>): Promise<T> {
    const settled = work.then(
      () => undefined,
      () => undefined,
    )
    this.#inHand.add(settled)
    void settled.then(() => setImmediate(() => this.#inHand.delete(settled)))
    return work
  }

  async #follow(process: ProcessName, running: Running): Promise<void> {
    const { child, memoryMib, maxMemoryMib } = running
    const { listener } = this.#options
    let usedMib: number | undefined
    const uncollected = new UncollectedChildren(child.pid)
    const unwatch = this.#memory.watch({
      follower: child.follower,
      memoryMib,
      onLook: (boundMib) => {
        usedMib = boundMib
        if (maxMemoryMib !== undefined && boundMib > maxMemoryMib)
          listener.worn?.(process, `it uses ${boundMib} MiB; maxMemory is ${maxMemoryMib} MiB`)
      },
      onTable: (table) => {
        const count = uncollected.look(table)
        if (count > innerLimits.uncollectedMost)
          listener.worn?.(process, `it keeps the pids of ${count} processes of its tasks that have ended`)
      },
      onExceeded: (figures) => {
        running.excess = figures
        this.#options.metrics?.kills.add('memory')
        this.#options.log.warn('killed: it exceeded its memory', { process, ...figures })
        void child.stop({ graceMs: 0 })
      },
    })
    await child.groupGone
    const exit = await child.exited
    unwatch()
    this.#probes.stop(process)
    // The guard still has its end, for the next process of this Worker.
    if (this.#isPaused) return
    await this.#handled(this.#conclude(process, running, exit, usedMib))
  }

  async #conclude(
    process: ProcessName,
    { child, outputs, memoryMib, excess, killAtBootMs }: Running,
    exit: ProcessExit,
    usedMib: number | undefined,
  ): Promise<void> {
    const { guard, listener, metrics } = this.#options
    guard.remove(child.pid)
    const wasGuardKill = !excess && this.#wasGuardKill(process, exit)
    if (wasGuardKill) metrics?.kills.add('guard')
    const isOurs = excess !== undefined || wasGuardKill || killAtBootMs !== undefined
    const told = isOurs ? endOf(exit, excess) : this.#withKiller(exit, { usedMib, limitMib: memoryMib })
    this.#running.delete(process)
    this.#validUntil.delete(process)
    // The files are closed before the end is reported, because the next attempt opens the same files.
    await this.#close(outputs)
    const end = excess ? told : this.#withHeapExhaustion(told, outputs.stderr.path, memoryMib)
    metrics?.processEnded(process, end)
    listener.ended(process, end)
  }

  /** Who sent SIGKILL: the kernel, for lack of memory, or another. It is asked while that is recent. */
  #withKiller(exit: ProcessExit, figures: Omit<OverMemory, 'by'>): ProcessEnd {
    const end = endOf(exit, undefined)
    if (exit.signal !== 'SIGKILL') return end
    const byKernel = this.#kernel.hasKilled()
    if (byKernel === undefined) return { ...end, isKillerUnknown: true }
    return byKernel ? { ...end, overMemory: { by: 'kernel', ...figures } } : end
  }

  /** The guard kills what is still there after its "valid until". */
  #wasGuardKill(process: ProcessName, { signal }: ProcessExit): boolean {
    const validUntilBootMs = this.#validUntil.get(process)
    return (
      signal === 'SIGKILL' &&
      validUntilBootMs !== undefined &&
      this.#options.clock.bootMs() >= validUntilBootMs
    )
  }

  #withHeapExhaustion(end: ProcessEnd, stderr: string, memoryMib: number): ProcessEnd {
    if (!mayBeHeapExhaustion(end.exitCode, end.signal)) return end
    try {
      const within = this.#options.folders.root
      const offset = Math.max(0, outputEnd(stderr) - LAST_BYTES)
      const { data } = readOutput(stderr, { within, offset, maxBytes: LAST_BYTES })
      const lastLines = data.toString('latin1').split('\n').slice(-LAST_LINES).join('\n')
      const overMemory = heapExhaustion(lastLines, memoryMib)
      return overMemory ? { ...end, overMemory } : end
    } catch {
      // The work may have replaced its own output. The end is then told without this.
      return end
    }
  }

  /** A lack of descriptors usually passes, so this waits. If it lasts, it is still no failure of the work. */
  #startPatiently(process: ProcessName, plan: ChildPlan): Promise<Running> {
    const start = async (): Promise<Running> => {
      const outputs = await this.#openOutputs(plan)
      try {
        const child = await this.#startChild(process, plan, outputs)
        const { memoryMib, maxMemoryMib } = plan
        return { child, outputs, folder: dirname(outputs.stdout.path), memoryMib, maxMemoryMib }
      } catch (error) {
        await this.#close(outputs)
        throw error
      }
    }
    return patiently(start, {
      firstMs: limits.shortageFirstMs,
      maxMs: limits.shortageMs,
      totalMs: limits.shortageMs,
      isStopped: () => this.#isPaused,
      onWait: (waitMs, error) =>
        this.#options.log.warn('not started yet: this process has no free file descriptors', {
          process,
          waitMs,
          reason: reasonOf(error),
        }),
    })
  }

  async #openOutputs(plan: ChildPlan): Promise<OwnOutputs> {
    const folder = await this.#options.folders.make(plan.folder)
    const stdout = await this.#openOutput(join(folder, 'stdout'))
    try {
      const stderr = await this.#openOutput(join(folder, 'stderr'))
      this.#noteAttempt(folder, plan)
      return { stdout, stderr, from: plan.attempt ? this.#endOf(stdout) : 0 }
    } catch (error) {
      await stdout.close()
      throw error
    }
  }

  /** Earlier attempts may have written before. */
  #endOf({ path }: OutputFile): number {
    try {
      return readOutput(path, { within: this.#options.folders.root, maxBytes: 1 }).end
    } catch {
      return 0
    }
  }

  /** A list that cannot be written costs headings in `logs`, and no start. */
  #noteAttempt(folder: string, { attempt }: ChildPlan): void {
    const { folders, clock, log } = this.#options
    if (!attempt) return
    try {
      noteAttempt(folder, folders.root, { ...attempt, atMs: clock.wallMs() })
    } catch (error) {
      log.warn('an attempt could not be listed', { path: folder, reason: reasonOf(error) })
    }
  }

  async #openOutput(path: string): Promise<OutputFile> {
    const { outputFileBytes, log } = this.#options
    try {
      return await openOutputFile(path, {
        within: this.#options.folders.root,
        owner: this.#options.folders.owner,
        ...(outputFileBytes !== undefined && { maxBytes: outputFileBytes }),
        onDegraded: (error) =>
          log.warn('an output file could not be rotated', { path, reason: reasonOf(error) }),
      })
    } catch (error) {
      throw fileError(error, path)
    }
  }

  /** Applies an `extend` that came while the process was being started. */
  #extendStarted(process: ProcessName, { child: { pid } }: Running): void {
    const validUntilBootMs = this.#validUntil.get(process)
    if (validUntilBootMs !== undefined) this.#options.guard.extend(pid, validUntilBootMs)
  }

  async #startChild(process: ProcessName, plan: ChildPlan, outputs: Outputs): Promise<GuardedChild> {
    const { command, args, cwd, env, boot } = plan
    const { guard, clock, folders } = this.#options
    const validUntilBootMs = this.#validUntil.get(process)
    // This Worker may have been suspended since the start was decided.
    if (validUntilBootMs !== undefined && clock.bootMs() >= validUntilBootMs) {
      throw new FiresteelError(
        'SPAWN_FAILED',
        `${process} is not started: no leader has answered for too long`,
      )
    }
    const [stdout, stderr] = [outputs.stdout.path, outputs.stderr.path]
    const within = folders.root
    const spawned = await guard.spawn({
      ...{ command, args, cwd, env, boot, stdout, stderr, within },
      owner: folders.owner,
      // Without a folder for groups the guard makes none.
      cgroup: limitsOf({ cores: plan.cores ?? 1, memoryMib: plan.memoryMib }),
      validUntilBootMs,
    })
    return followGuarded(spawned, outputs)
  }

  async #close(outputs: Outputs): Promise<void> {
    for (const file of [outputs.stdout, outputs.stderr]) {
      // Output that a full disk refused is lost either way, and the Worker must go on.
      await file.close().catch((error: unknown) => {
        this.#options.log.warn('an output file could not be closed', {
          path: file.path,
          reason: reasonOf(error),
        })
      })
    }
  }
}

function startFailure(error: unknown): StartFailure {
  const [code, text] = isFiresteelError(error)
    ? [error.code, `${error.code}: ${error.message}`]
    : ['FIRESTEEL_INTERNAL', reasonOf(error)]
  const place = isFiresteelError(error) ? error.place : undefined
  return {
    code,
    message: text.slice(0, MESSAGE_CHARS),
    ...(isDescriptorShortage(error) && { noRoom: true }),
    ...(place !== undefined && { place: place.slice(0, MESSAGE_CHARS) }),
  }
}

/** Only the process that started another learns its exit code, and that was the guard. */
const UNKNOWN_EXIT = 'Command ended; its exit code is unknown, because the guard that started it was killed'

function endOf(exit: ProcessExit, excess: MemoryExcess | undefined): ProcessEnd {
  return {
    exitCode: exit.code,
    signal: exit.signal,
    ...(exit.code === null && exit.signal === null && { message: UNKNOWN_EXIT }),
    ...(excess && { overMemory: { usedMib: excess.residentMib, limitMib: excess.limitMib } }),
  }
}
