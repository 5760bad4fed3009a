import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { programs } from '../built-file.js'
import { reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { type Child, type LifelineKeeper, startChild } from './child.js'
import type { ProcessExit } from './child-end.js'
import { childEnvironment } from './environment.js'
import { addLine, type GuardedGroup, graceLine, removeLine } from './guard-ledger.js'
import { decideRestart } from './restart-policy.js'

export type GuardEvent =
  | { readonly event: 'started'; readonly pid: number }
  /** `words`: the end of its earlier output, mostly empty. */
  | {
      readonly event: 'exited'
      readonly pid: number
      readonly exit: ProcessExit
      readonly words: string
    }
  | { readonly event: 'failed'; readonly reason: string }

export interface GuardOptions {
  /** From the Worker's death until its groups are killed. */
  readonly orphanGraceMs: number
  /** For the log. A guard that exits or cannot be started leaves the groups unguarded for a moment. */
  readonly onEvent?: (event: GuardEvent) => void
}

/** The Worker's side of its guard. It is the `keeper` of `startChild`. */
export interface Guard extends LifelineKeeper {
  readonly pid: number | undefined
  add(group: GuardedGroup): void
  remove(pid: number): void
  /** Moves the "valid until" of a group (protocol 8, isolation). */
  extend(pid: number, validUntilBootMs: number): void
  /** Ends the pipe. The guard kills what is still in its ledger after the grace, and exits. */
  close(): Promise<void>
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

class GuardKeeper implements Guard {
  readonly #options: GuardOptions
  readonly #groups = new Map<number, GuardedGroup>()
  #child: Child | undefined
  #failures = 0
  #closed = false

  constructor(options: GuardOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  add(group: GuardedGroup): void {
    this.#groups.set(group.pid, group)
    this.#write(addLine(group))
  }

  remove(pid: number): void {
    if (this.#groups.delete(pid)) this.#write(removeLine(pid))
  }

  extend(pid: number, validUntilBootMs: number): void {
    const group = this.#groups.get(pid)
    if (group !== undefined) this.add({ ...group, validUntilBootMs })
  }

  async close(): Promise<void> {
    this.#closed = true
    const child = this.#child
    child?.stdin?.end()
    // The guard itself does not keep this process running. While we wait for its end, this timer does.
    const keepRunning = setInterval(() => undefined, 1000)
    await child?.exited
    clearInterval(keepRunning)
  }

  async start(): Promise<void> {
    const child = await startChild({
      command: process.execPath,
      args: [fileURLToPath(programs.guard)],
      // The root folder, because the guard must not keep a file system busy.
      cwd: '/',
      env: childEnvironment(),
      stdin: 'pipe',
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
    // The exit reports a broken pipe.
    child.stdin?.on('error', () => undefined)
    child.unref()
    this.#child = child
    this.#write(graceLine(this.#options.orphanGraceMs))
    for (const group of this.#groups.values()) this.#write(addLine(group))
    void child.exited.then((exit) =>
      this.#onExit({ pid: child.pid, exit, words }, performance.now() - startedMs),
    )
    // The guard was closed while it was starting.
    if (this.#closed) child.stdin?.end()
    this.#options.onEvent?.({ event: 'started', pid: child.pid })
  }

  #write(line: string): void {
    const stdin = this.#child?.stdin
    if (stdin?.writable) stdin.write(line)
  }

  #onExit(end: Omit<Extract<GuardEvent, { event: 'exited' }>, 'event'>, ranMs: number): void {
    this.#child = undefined
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
