import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { type Child, startChild } from './child.js'
import { CommandOutputs, type OutputPaths } from './command-outputs.js'
import { DirectCommands, wordOf } from './direct-commands.js'
import { momentOfProcesses, newProcesses } from './new-processes.js'
import { isRunning, type ProcessEntry, readProcessTable } from './process-table.js'
import { hasLeft, sendSignal } from './send-signal.js'
import {
  type CommandExit,
  commandExit,
  commandText,
  directText,
  pipesText,
  readAnswer,
  type ShellAnswer,
  startText,
  wordText,
} from './shell-text.js'

export interface ShellOptions {
  readonly cwd: string
  /** The whole environment, with nothing inherited. */
  readonly env: Readonly<Record<string, string>>
  /** From SIGTERM to SIGKILL for what a command left behind. */
  readonly graceMs: number
}

/** How a command ended in its shell. */
export interface ShellExit extends CommandExit {
  /** No process of it is left that could still write, as far as that can be known. */
  readonly leftNothing: boolean
}

/**
 * A shell that runs one command after the other, each by a `sh -c` of its own where that makes a difference.
 * A shell is small, so that it starts a process in half of the time that Node needs; and for a command no
 * other process is started.
 *
 * The shell leads a session and group of its own, in which its commands and all that they start run. A
 * watcher in that group kills it when our process dies. After each command the group holds nothing but these
 * two.
 */
export class CommandShell {
  readonly outputs = new CommandOutputs()
  readonly #token = randomBytes(8).toString('hex')
  readonly #child: Child
  readonly #graceMs: number
  readonly #direct = new DirectCommands()
  #watcher = 0
  #said = ''
  #answered: ((answer: ShellAnswer | undefined) => void) | undefined
  #ended = false
  #stopping: Promise<void> | undefined

  private constructor(child: Child, options: ShellOptions) {
    this.#graceMs = options.graceMs
    this.#child = child
    child.stdout?.on('data', (chunk: Buffer) => this.#heard(chunk.toString('latin1')))
    child.stdin?.on('error', () => undefined)
    // Only the shell holds the other end. What it has said before its end has been read then.
    child.stdout?.on('close', () => {
      this.#ended = true
      this.#answered?.(undefined)
    })
  }

  /** Rejects with FOLDER_MISSING or SPAWN_FAILED. */
  static async start(options: ShellOptions): Promise<CommandShell> {
    const { cwd, env, graceMs } = options
    const child = await startChild({
      command: '/bin/sh',
      args: [],
      cwd,
      env,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'ignore',
      control: true,
      ownGroup: true,
      leftoverGraceMs: graceMs,
    })
    const shell = new CommandShell(child, options)
    const answer = await shell.#ask(startText(shell.#token, shell.outputs.folder))
    if (answer === undefined) {
      await shell.close()
      throw shell.#broken()
    }
    shell.#watcher = answer.number
    return shell
  }

  /** True: it takes no more commands. */
  get ended(): boolean {
    return this.#ended
  }

  /**
   * Makes named pipes in place of the files of one command, which can be read while it runs. Rejects with
   * SPAWN_FAILED.
   */
  async makePipes(output: OutputPaths): Promise<void> {
    const answer = await this.#ask(pipesText(this.#token, output))
    if (answer?.number !== 0) throw this.#broken()
  }

  /**
   * True: it starts this command itself. It may have to look for the program first. What stops it meanwhile
   * stops no command, so call it before one that can be stopped begins.
   */
  async isDirect(command: Uint8Array): Promise<boolean> {
    const word = wordOf(command)
    if (word === undefined) return false
    const known = this.#direct.look(word)
    if (known !== 'ask') return known === 'direct'
    const answer = await this.#ask(wordText(this.#token, word))
    this.#direct.answered(word, answer?.notice ?? '')
    return this.#direct.look(word) === 'direct'
  }

  /**
   * Runs a command, and waits until nothing of it is left: what its leader left behind gets SIGTERM, later
   * SIGKILL. `isDirect`: as that said. Rejects with SPAWN_FAILED.
   */
  async run(command: Uint8Array, output: OutputPaths, isDirect = false): Promise<ShellExit> {
    const began = momentOfProcesses()
    const textOf = isDirect ? directText : commandText
    const answer = await this.#ask(textOf(this.#token, command, output))
    let leftNothing = false
    if (this.#stopping !== undefined) await this.#stopping
    else if (answer !== undefined) {
      const { someOurs, noStrays } = newProcesses(began, (entry) => this.#isLeft(entry))
      if (someOurs) await this.stop()
      else leftNothing = noStrays
    }
    if (answer === undefined) return { ...(await this.#killed()), leftNothing }
    const exit = commandExit(answer)
    if (exit !== undefined) return { ...exit, leftNothing }
    throw new FiresteelError('SPAWN_FAILED', `The shell could not run the command: ${answer.notice}`)
  }

  /** Ends the running command and all that it left: SIGTERM, after the grace SIGKILL. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  /** Ends the shell at once, with whatever it runs. Outputs that were not moved away are removed. */
  async close(): Promise<void> {
    this.#ended = true
    await this.#child.stop({ graceMs: 0 })
    this.outputs.remove()
  }

  #isLeft({ pid, groupId, sessionId }: ProcessEntry): boolean {
    const shell = this.#child.pid
    return (groupId === shell || sessionId === shell) && pid !== shell && pid !== this.#watcher
  }

  async #stop(): Promise<void> {
    const killAtMs = performance.now() + this.#graceMs
    let isFirst = true
    for (let waitMs: number = innerLimits.groupPollFirstMs; ; waitMs *= 1.5) {
      const left = this.#left()
      if (left.length === 0 && this.#answered === undefined) return
      // The shell and its watcher go on after a SIGTERM.
      if (isFirst) this.#terminate(left)
      isFirst = false
      if (performance.now() >= killAtMs || this.#ended) return await this.close()
      await delay(Math.min(waitMs, innerLimits.groupPollMaxMs, Math.max(1, killAtMs - performance.now())))
    }
  }

  /** Also processes that left the group, as long as their parents tell whose they are. */
  #left(): ProcessEntry[] {
    return this.#child.follower
      .members(readProcessTable())
      .filter((entry) => isRunning(entry) && entry.pid !== this.#child.pid && entry.pid !== this.#watcher)
  }

  #terminate(left: readonly ProcessEntry[]): void {
    this.#child.signal('SIGTERM')
    for (const entry of left)
      if (entry.groupId !== this.#child.pid || hasLeft(entry)) sendSignal(entry.pid, 'SIGTERM')
  }

  /** The shell was killed under its command. */
  async #killed(): Promise<CommandExit> {
    await this.close()
    const { code, signal } = await this.#child.exited
    if (signal !== null) return { code: null, signal }
    throw this.#broken(code)
  }

  #broken(code: number | null = null): FiresteelError {
    const said = this.#said.trim()
    const why = said === '' ? `it ended${code === null ? '' : ` with code ${code}`}` : said
    return new FiresteelError('SPAWN_FAILED', `The shell /bin/sh could not run the command: ${why}`)
  }

  #ask(text: string | Buffer): Promise<ShellAnswer | undefined> {
    this.#said = ''
    if (this.#ended) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#answered = (answer) => {
        this.#answered = undefined
        resolve(answer)
      }
      this.#child.stdin?.write(text)
    })
  }

  #heard(text: string): void {
    this.#said = (this.#said + text).slice(-innerLimits.shellAnswerChars)
    const answer = readAnswer(this.#token, this.#said)
    if (answer !== undefined) this.#answered?.(answer)
  }
}
