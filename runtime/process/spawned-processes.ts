import { innerLimits } from '../inner-limits.js'
import type { ProcessExit } from './child-end.js'
import { isDescriptorShortage } from './descriptors.js'
import { isAlive, type ProcessIdentity } from './find-process.js'
import type { Spawned } from './spawner.js'

interface Entry extends Spawned {
  readonly end: (exit: ProcessExit) => void
  /** True: the guard that started it is dead, so nobody learns its exit code. */
  isAdrift: boolean
}

const UNKNOWN: ProcessExit = { code: null, signal: null }

/** The processes that a guard has started, until no process of their groups is left. */
export class SpawnedProcesses {
  readonly #entries = new Map<number, Entry>()
  readonly #killAll: (pid: number) => void
  #timer: NodeJS.Timeout | undefined

  /** `killAll` ends a control group. */
  constructor(killAll: (pid: number) => void = () => undefined) {
    this.#killAll = killAll
  }

  /** `starter`: its guard. */
  add(
    { pid, startTime, cgroup }: ProcessIdentity & { readonly cgroup?: string | undefined },
    starter?: number,
  ): void {
    let end!: (exit: ProcessExit) => void
    const exited = new Promise<ProcessExit>((resolve) => {
      end = resolve
    })
    const group = cgroup === undefined ? {} : { cgroup, starter, killAll: () => this.#killAll(pid) }
    this.#entries.set(pid, { pid, startTime, ...group, exited, end, isAdrift: false })
  }

  get(pid: number, startTime: string): Spawned {
    const entry = this.#entries.get(pid)
    if (entry?.startTime !== startTime) throw new Error(`process ${pid} was not started here`)
    return entry
  }

  ended({ pid, startTime, code, signal }: ProcessIdentity & ProcessExit): void {
    const entry = this.#entries.get(pid)
    if (entry?.startTime === startTime) entry.end({ code, signal })
  }

  forget(pid: number): void {
    this.#entries.delete(pid)
  }

  /** Its processes live on. Only looking shows their ends. */
  guardEnded(): void {
    for (const entry of this.#entries.values()) entry.isAdrift = true
    this.#timer ??= setInterval(() => this.#look(), innerLimits.adriftLookMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const adrift = [...this.#entries.values()].filter(({ isAdrift }) => isAdrift)
    try {
      for (const entry of adrift) if (!isAlive(entry)) entry.end(UNKNOWN)
    } catch (error) {
      // The next look is as good.
      if (!isDescriptorShortage(error)) throw error
    }
    if (adrift.length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
