import { isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { Log } from '../../runtime/observe/log.js'
import { pause } from '../../runtime/pause.js'
import { within } from '../../runtime/timers.js'
import type { MasterClient } from './master-client.js'
import { type OutputLine, OutputPace, OutputPieces, outputText } from './output-pieces.js'

export type ShowOutput = (line: OutputLine) => void

export interface ExecutorOutputsOptions {
  readonly appId: string
  /** It is closed with the outputs. */
  readonly client: Pick<MasterClient, 'request' | 'workerStream' | 'close'>
  readonly show: ShowOutput
  readonly log: Log
}

/** A program's own output stays as it is, so what its executors print goes to its standard error. */
export const printOutput: ShowOutput = (line) => void process.stderr.write(`${outputText(line)}\n`)

/**
 * Follows what the executors of an application print, from the Workers that keep it, and shows it line by
 * line. Bounded: so many executors, so many lines in a second, and one line of each output in memory.
 */
export class ExecutorOutputs {
  readonly #options: ExecutorOutputsOptions
  readonly #pace = new OutputPace()
  readonly #followed = new Map<number, Promise<unknown>>()
  readonly #closing = new AbortController()
  #leftAtMs = 0

  constructor(options: ExecutorOutputsOptions) {
    this.#options = options
  }

  /** From now on what this executor prints is shown, from its beginning. */
  follow(execId: number): void {
    if (this.#followed.has(execId) || this.#closing.signal.aborted) return
    if (this.#followed.size >= innerLimits.outputExecutors) return
    const both = [this.#copy(execId, 'stdout'), this.#copy(execId, 'stderr')]
    const done = Promise.all(both).then(() => this.#followed.delete(execId))
    this.#followed.set(execId, done)
  }

  /** Call it when the application has ended. It shows what its executors printed until then, in a while. */
  async close(): Promise<void> {
    await within(Promise.all(this.#followed.values()), innerLimits.outputCloseMs)
    this.#closing.abort()
    this.#tellLeft(Number.POSITIVE_INFINITY)
    await this.#options.client.close()
  }

  async #copy(execId: number, output: OutputLine['output']): Promise<void> {
    const { client, appId, log } = this.#options
    const { signal } = this.#closing
    const id = `${appId}/${execId}`
    const pieces = new OutputPieces(execId, output)
    let offset = 0
    for (let tries = 0; !signal.aborted && tries < innerLimits.outputTries; tries++) {
      try {
        const { worker } = await client.request({ type: 'RequestLogLocation', id }, { signal })
        const reader = await client.workerStream(worker, { id, output, follow: true, offset }, signal)
        for await (const bytes of reader) {
          offset = reader.position ?? offset + bytes.length
          this.#show(pieces.take(bytes))
          tries = 0
        }
        this.#show(pieces.rest())
        return
      } catch (error) {
        // Its Worker may not have started it yet, or its link broke: it is asked again.
        if (signal.aborted) return
        if (isFiresteelError(error, 'NOT_LEADER')) tries = 0
        if (tries === innerLimits.outputTries - 1)
          log.warn('the output of an executor cannot be shown', { execId, output, reason: reasonOf(error) })
        await pause(innerLimits.outputAgainMs, signal)
      }
    }
  }

  #show(lines: readonly OutputLine[]): void {
    const nowMs = performance.now()
    for (const line of lines) if (this.#pace.passes(nowMs)) this.#say(line)
    this.#tellLeft(nowMs)
  }

  #tellLeft(nowMs: number): void {
    if (nowMs - this.#leftAtMs < innerLimits.outputLeftMs) return
    const left = this.#pace.takeLeft()
    if (left === 0) return
    this.#leftAtMs = nowMs
    const { appId, log } = this.#options
    log.warn(`${left} lines of executors are not shown: they print too fast. Their logs have all of them.`, {
      appId,
    })
  }

  /** Whoever is shown it is code of the user. */
  #say(line: OutputLine): void {
    try {
      this.#options.show(line)
    } catch (error) {
      this.#options.log.warn('what shows the output of executors threw', { error })
    }
  }
}
