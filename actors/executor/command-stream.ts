import { innerLimits } from '../../runtime/inner-limits.js'
import type { OutputPaths } from '../../runtime/process/command-outputs.js'
import { NamedPipe } from '../../runtime/process/named-pipe.js'
import { OUTPUT_BYTES } from '../messages/tasks.js'
import { clearTimeout, setTimeout } from './own-globals.js'

/** How the parts of a command's outputs are numbered. */
export const commandOutputs = { stdout: 0, stderr: 1 } as const

/** Resolves when more may be sent. */
export type SendOutput = (output: number, bytes: Uint8Array) => Promise<void>

/** Sends bytes as parts. Returns how many bytes they were. */
export async function sendAll(send: SendOutput, output: number, bytes: Uint8Array): Promise<number> {
  for (let at = 0; at < bytes.length; at += OUTPUT_BYTES) {
    await send(output, bytes.subarray(at, at + OUTPUT_BYTES))
  }
  return bytes.length
}

/**
 * Sends what a command writes into two named pipes, while it runs. Nothing is read ahead of what was taken:
 * a command that writes faster than its reader takes waits in its write.
 */
export class CommandStream {
  readonly sentBytes = [0, 0]
  readonly #send: SendOutput
  readonly #pipes: readonly NamedPipe[]
  readonly #sent: Promise<void>
  #isOver = false
  #wake: (() => void) | undefined

  constructor(paths: OutputPaths, send: SendOutput) {
    this.#send = send
    this.#pipes = [new NamedPipe(paths.stdout), new NamedPipe(paths.stderr)]
    this.#sent = this.#pump()
  }

  /** Nothing of the command is left. Resolves when all that it wrote has been taken. */
  async finish(): Promise<void> {
    this.#isOver = true
    this.#wake?.()
    await this.#sent
  }

  async #pump(): Promise<void> {
    try {
      let lookMs: number = innerLimits.pipeLookFirstMs
      for (;;) {
        // All that it wrote is there once it is over, so this look is the last one that is needed.
        const isLast = this.#isOver
        const isEmpty = !(await this.#takeAll())
        if (isLast && isEmpty) return
        if (!isEmpty) lookMs = innerLimits.pipeLookFirstMs
        else if (!this.#isOver) {
          await this.#pause(lookMs)
          lookMs = Math.min(lookMs * 2, innerLimits.pipeLookMaxMs)
        }
      }
    } finally {
      for (const pipe of this.#pipes) pipe.close()
    }
  }

  /** Takes what each of both has now. False: nothing. */
  async #takeAll(): Promise<boolean> {
    let some = false
    for (const [output, pipe] of this.#pipes.entries()) {
      const bytes = pipe.read()
      if (bytes === undefined) continue
      some = true
      this.sentBytes[output]! += await sendAll(this.#send, output, bytes)
    }
    return some
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
