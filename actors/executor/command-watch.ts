import { FiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { OutputPaths } from '../../runtime/process/command-outputs.js'
import type { CommandShell } from '../../runtime/process/command-shell.js'
import { clearInterval, clearTimeout, setInterval, setTimeout } from './own-globals.js'

export interface WatchOptions {
  readonly timeoutMs: number | undefined
  /** More output than this would fill the disk. */
  readonly maxFileBytes: number
}

/** Ends a command that runs for too long or writes too much. */
export class CommandWatch {
  readonly #shell: CommandShell
  readonly #options: WatchOptions
  readonly #look: NodeJS.Timeout
  readonly #end: NodeJS.Timeout | undefined
  #isTooLarge = false
  #timedOut = false

  constructor(shell: CommandShell, paths: OutputPaths, options: WatchOptions) {
    this.#shell = shell
    this.#options = options
    const { timeoutMs, maxFileBytes } = options
    this.#look = setInterval(() => {
      const { stdout, stderr } = shell.outputs.sizes(paths)
      if (stdout + stderr > maxFileBytes) this.#isTooLarge = this.#stop()
    }, innerLimits.commandOutputLookMs)
    if (timeoutMs !== undefined) {
      this.#end = setTimeout(() => {
        this.#timedOut = this.#stop()
      }, timeoutMs)
    }
  }

  get timedOut(): boolean {
    return this.#timedOut
  }

  #stop(): true {
    clearInterval(this.#look)
    void this.#shell.stop()
    return true
  }

  /** Throws RESULT_TOO_LARGE if the command was ended for that. */
  check(shown: string): void {
    if (!this.#isTooLarge) return
    throw new FiresteelError(
      'RESULT_TOO_LARGE',
      `The command ${shown} was ended: it has printed more than ${this.#options.maxFileBytes} bytes.`,
      { help: 'Let the command write to a file.' },
    )
  }

  end(): void {
    clearInterval(this.#look)
    clearTimeout(this.#end)
  }
}
