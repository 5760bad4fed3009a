import type { OutputPaths } from '../../runtime/process/command-outputs.js'
import { NamedPipe } from '../../runtime/process/named-pipe.js'
import { OUTPUT_BYTES } from '../messages/tasks.js'

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
    const wake = (): void => this.#wake?.()
    this.#send = send
    this.#pipes = [new NamedPipe(paths.stdout, wake), new NamedPipe(paths.stderr, wake)]
    this.#sent = this.#pump()
  }

  /** Nothing of the command is left. Resolves when all that it wrote has been taken. */
  async finish(): Promise<void> {
    this.#isOver = true
    this.#wake?.()
    await this.#sent
  }

  async #pump(): Promise<void> {
    while (!this.#isOver) {
      let isEmpty = true
      for (const [output, pipe] of this.#pipes.entries()) {
        const bytes = pipe.read()
        if (bytes === undefined) continue
        isEmpty = false
        await this.#take(output, bytes)
      }
      if (isEmpty && !this.#isOver) await this.#readable()
    }
    for (const [output, pipe] of this.#pipes.entries()) {
      for (const bytes of pipe.rest()) await this.#take(output, bytes)
    }
  }

  #readable(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  async #take(output: number, bytes: Uint8Array): Promise<void> {
    this.sentBytes[output]! += await sendAll(this.#send, output, bytes)
  }
}
