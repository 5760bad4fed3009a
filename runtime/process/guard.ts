import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { programs } from '../built-file.js'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { CgroupHome } from './cgroup-files.js'
import { startChild } from './child.js'
import type { ProcessExit } from './child-end.js'
import { childEnvironment } from './environment.js'
import { Answers } from './guard-answers.js'
import { addLine, type GuardedGroup, graceLine, removeLine } from './guard-ledger.js'
import {
  abandonLine,
  cgroupLine,
  type FromGuard,
  killLine,
  outliveLine,
  prepareLine,
  type ToOutlive,
  type ToPrepare,
  type Yours,
} from './guard-lines.js'
import { type LineLink, lineLink } from './line-link.js'
import { mayGainPrivileges, withoutNewPrivileges } from './new-privileges.js'
import { PendingStarts } from './pending-starts.js'
import { decideRestart } from './restart-policy.js'
import { SpawnedProcesses } from './spawned-processes.js'
import type { Spawned, Spawner, SpawnRequest } from './spawner.js'

export type GuardEvent =
  | { readonly event: 'started'; readonly pid: number }
  /** That of the process that was this Worker before, with what it guards. */
  | { readonly event: 'adopted'; readonly pid: number; readonly groups: number }
  /** `words`: the end of its earlier output, mostly empty. */
  | {
      readonly event: 'exited'
      readonly pid: number
      readonly exit: ProcessExit
      readonly words: string
    }
  | { readonly event: 'failed'; readonly reason: string }
  /** A process has no control group, or no limits there. */
  | { readonly event: 'ungrouped'; readonly reason: string }

export interface GuardOptions {
  /** Of the Worker: people see it in the list of processes. */
  readonly name?: string
  /** From the Worker's death until its groups are killed. */
  readonly orphanGraceMs: number
  /** What it starts may use programs such as sudo. Default false, where `setpriv` is installed. */
  readonly mayGainPrivileges?: boolean | undefined
  /** For the log. A guard that exits or cannot be started leaves the groups unguarded for a moment. */
  readonly onEvent?: (event: GuardEvent) => void
}

/** The Worker's side of its guard, which starts what the Worker runs. */
export interface Guard extends Spawner {
  readonly pid: number | undefined
  /** From now on what it starts gets control groups there. */
  confine(home: CgroupHome): void
  /** Whether what it starts may gain privileges; undefined: the system does not say. */
  readonly mayGainPrivileges: boolean | undefined
  add(group: GuardedGroup): void
  remove(pid: number): void
  /** All that it guards. */
  readonly groups: readonly GuardedGroup[]
  /** Makes it ready for a next Worker process. Rejects with RESTART_REFUSED, also where it is killed. */
  prepare(prepare: ToPrepare): Promise<void>
  /** The restart does not take place. */
  abandon(): void
  /**
   * From now on it keeps everything for the next Worker process, until that time. Resolves when it has the
   * record. Rejects with RESTART_REFUSED if it is killed meanwhile: the next guard knows of no restart.
   */
  outlive(outlive: ToOutlive): Promise<void>
  /** After `outlive`: this process no longer is its lifeline. */
  leave(): void
  /** Ends the pipe. The guard kills what is still in its ledger after the grace, and exits. */
  close(): Promise<void>
}

/** What the next Worker process got from the guard of the one before. */
export interface ClaimedGuard {
  readonly link: LineLink
  readonly yours: Yours
  /** What it has said since. */
  onLine(listener: (line: string) => void): void
}

/** After a guard that died within this time the next one waits. */
const STABLE_MS = innerLimits.guardStableMs
const LAST_WORDS_CHARS = innerLimits.guardLastWordsChars
const RESTART = {
  firstMs: innerLimits.guardRestartFirstMs,
  maxMs: innerLimits.guardRestartMaxMs,
  stableMs: STABLE_MS,
}

/**
 * Starts the guard of this Worker and keeps one running until `close`. Rejects if the first one cannot be
 * started.
 */
export async function startGuard(options: GuardOptions): Promise<Guard> {
  const keeper = new GuardKeeper(options)
  await keeper.start()
  return keeper
}

/** Takes over the guard of the process that was this Worker before. */
export function adoptGuard(claimed: ClaimedGuard, options: GuardOptions): Guard {
  const keeper = new GuardKeeper(options)
  keeper.adopt(claimed)
  return keeper
}

class GuardKeeper implements Guard {
  readonly #options: GuardOptions
  readonly #groups = new Map<number, GuardedGroup>()
  readonly #starts = new PendingStarts()
  readonly #spawned = new SpawnedProcesses((pid) => this.#write(killLine(pid)))
  readonly #succession = new Answers()
  #pid: number | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #link: LineLink | undefined
  #failures = 0
  #closed = false
  #mayGainPrivileges: boolean | undefined
  #home: CgroupHome | undefined

  constructor(options: GuardOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#pid
  }

  get mayGainPrivileges(): boolean | undefined {
    return this.#mayGainPrivileges
  }

  confine(home: CgroupHome): void {
    this.#home = home
    this.#tellCgroup()
  }

  add(group: GuardedGroup): void {
    this.#groups.set(group.pid, group)
    this.#write(addLine(group))
  }

  async spawn(request: SpawnRequest): Promise<Spawned> {
    const { pid, startTime } = await this.#starts.begin(request, (line) => this.#write(line))
    return this.#spawned.get(pid, startTime)
  }

  spawned(pid: number, startTime: string): Spawned {
    return this.#spawned.get(pid, startTime)
  }

  get groups(): readonly GuardedGroup[] {
    return [...this.#groups.values()]
  }

  async prepare(prepare: ToPrepare): Promise<void> {
    await this.#present()
    const { problem } = await this.#succession.ask('prepared', () => this.#write(prepareLine(prepare)))
    if (problem !== undefined)
      throw new FiresteelError('RESTART_REFUSED', `the guard cannot wait: ${problem}`)
  }

  abandon(): void {
    this.#write(abandonLine)
  }

  /** After one that was killed the next guard is started soon. */
  async #present(): Promise<void> {
    while (!this.#link && !this.#closed) await delay(innerLimits.guardLookMs)
  }

  async outlive(outlive: ToOutlive): Promise<void> {
    if (!this.#link)
      throw new FiresteelError('RESTART_REFUSED', 'the guard of this Worker was killed meanwhile')
    const { problem } = await this.#succession.ask('held', () => this.#write(outliveLine(outlive)))
    if (problem !== undefined)
      throw new FiresteelError('RESTART_REFUSED', `the guard cannot wait: ${problem}`)
  }

  remove(pid: number): void {
    this.#spawned.forget(pid)
    if (this.#groups.delete(pid)) this.#write(removeLine(pid))
  }

  extend(pid: number, validUntilBootMs: number): void {
    const group = this.#groups.get(pid)
    if (group !== undefined) this.add({ ...group, validUntilBootMs })
  }

  leave(): void {
    this.#closed = true
    this.#link?.destroy()
    this.#spawned.close()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#link?.end()
    // The guard itself does not keep this process running. While we wait for its end, this timer does.
    const keepRunning = setInterval(() => undefined, 1000)
    await this.#ended
    clearInterval(keepRunning)
    this.#spawned.close()
  }

  async start(): Promise<void> {
    const program = [fileURLToPath(programs.guard), this.#options.name ?? []].flat()
    // All that the guard starts inherits it.
    const isFree = this.#options.mayGainPrivileges === true
    const [command = '', ...args] = isFree
      ? [process.execPath, ...program]
      : withoutNewPrivileges(process.execPath, program)
    this.#mayGainPrivileges = command === process.execPath
    const child = await startChild({
      ...{ command, args },
      // The root folder, because the guard must not keep a file system busy.
      cwd: '/',
      env: childEnvironment(),
      link: true,
      stdout: 'ignore',
      // If it fails, its output says why.
      stderr: 'pipe',
      ownGroup: true,
      followDescendants: false,
    })
    const startedMs = performance.now()
    let words = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-LAST_WORDS_CHARS)
    })
    const link = lineLink(child.duplex!, (line) => this.#heard(JSON.parse(line) as FromGuard))
    child.unref()
    const ended = Promise.all([child.exited, link.ended])
    this.#obeyedBy(link, child.pid, ended)
    this.#write(graceLine(this.#options.orphanGraceMs))
    this.#tellCgroup()
    for (const group of this.#groups.values()) this.#write(addLine(group))
    this.#starts.sendAgain((line) => this.#write(line))
    // What it said last is heard first.
    void ended.then(([exit]) => this.#onExit({ pid: child.pid, exit, words }, performance.now() - startedMs))
    // The guard was closed while it was starting.
    if (this.#closed) link.end()
    this.#options.onEvent?.({ event: 'started', pid: child.pid })
  }

  adopt({ link, yours, onLine }: ClaimedGuard): void {
    const startedMs = performance.now()
    this.#obeyedBy(link, yours.pid, link.ended)
    // The process that started it may have had another setting.
    this.#mayGainPrivileges = mayGainPrivileges(yours.pid)
    for (const group of yours.groups) {
      this.#groups.set(group.pid, group)
      this.#spawned.add(group, yours.pid)
    }
    for (const end of yours.ends) this.#spawned.ended(end)
    onLine((line) => this.#heard(JSON.parse(line) as FromGuard))
    link.unref()
    this.#write(graceLine(this.#options.orphanGraceMs))
    this.#tellCgroup()
    this.#starts.sendAgain((line) => this.#write(line))
    // It is no child of this process, so its exit code is not known.
    const exit = { code: null, signal: null }
    void link.ended.then(() =>
      this.#onExit({ pid: yours.pid, exit, words: '' }, performance.now() - startedMs),
    )
    this.#options.onEvent?.({ event: 'adopted', pid: yours.pid, groups: yours.groups.length })
  }

  #obeyedBy(link: LineLink, pid: number, ended: Promise<unknown>): void {
    this.#link = link
    this.#pid = pid
    this.#ended = ended
  }

  #tellCgroup(): void {
    if (this.#home) this.#write(cgroupLine(this.#home))
  }

  #write(line: string): void {
    this.#link?.write(line)
  }

  #heard(message: FromGuard): void {
    if (message.type === 'ended') {
      this.#spawned.ended(message)
      return
    }
    if (message.type !== 'started' && message.type !== 'failed') {
      this.#succession.answered(message)
      return
    }
    if (message.type === 'started') {
      const { pid, startTime, cgroup, cgroupProblem } = message
      // The guard has it in its ledger since its start.
      const { validUntilBootMs } = this.#starts.requestOf(message.id) ?? {}
      const group = { pid, startTime, ...(cgroup !== undefined && { cgroup }) }
      this.#groups.set(pid, { ...group, ...(validUntilBootMs !== undefined && { validUntilBootMs }) })
      this.#spawned.add(group, this.#pid)
      if (cgroupProblem !== undefined) this.#options.onEvent?.({ event: 'ungrouped', reason: cgroupProblem })
    }
    this.#starts.answered(message)
  }

  #onExit(end: Omit<Extract<GuardEvent, { event: 'exited' }>, 'event'>, ranMs: number): void {
    this.#pid = undefined
    this.#link = undefined
    this.#succession.guardEnded()
    this.#starts.guardEnded()
    this.#spawned.guardEnded()
    if (this.#closed) return
    this.#options.onEvent?.({ event: 'exited', ...end })
    void this.#restart(ranMs)
  }

  async #restart(ranMs: number): Promise<void> {
    let lifeMs = ranMs
    while (!this.#closed) {
      // Its exit code says nothing about the next one: user code may have killed it.
      const decision = decideRestart({ code: null, signal: 'SIGKILL' }, lifeMs, this.#failures, RESTART)
      if (!decision.restart) return
      this.#failures = decision.failures
      if (decision.delayMs > 0) await delay(decision.delayMs)
      if (this.#closed) return
      try {
        await this.start()
        return
      } catch (error) {
        lifeMs = 0
        this.#options.onEvent?.({ event: 'failed', reason: reasonOf(error) })
      }
    }
  }
}
