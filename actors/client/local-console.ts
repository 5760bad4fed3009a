import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '../../runtime/limits.js'
import { pause } from '../../runtime/pause.js'
import { followOutput } from '../../runtime/process/read-output.js'
import { changeStamp, SparedLooks } from '../../runtime/process/spared-looks.js'

export type OutputName = 'stdout' | 'stderr'
export type OutputWriter = (output: OutputName, bytes: Uint8Array) => Promise<void> | void

const outputs: readonly OutputName[] = ['stdout', 'stderr']

/**
 * Shows what the drivers and executors of an embedded cluster print: the work of a cluster that is part of
 * this process prints where this process prints.
 */
export class LocalConsole {
  readonly #folder: string
  readonly #write: OutputWriter
  readonly #followed = new Map<string, Promise<void>>()
  readonly #listed = new Map<string, { readonly looks: SparedLooks; folders: readonly string[] }>()
  readonly #closing = new AbortController()
  readonly #unused = new AbortController()
  readonly #ended: Promise<void>
  #end: () => void = () => undefined
  readonly #watching: Promise<void>

  /** `folder` has one folder for each Worker. */
  constructor(folder: string, write: OutputWriter) {
    this.#folder = folder
    this.#write = write
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#watching = this.#watch()
  }

  /** Call it when the cluster has ended. Resolves when all of its output is written. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#watching
    await this.#look()
    this.#end()
    await Promise.all(this.#followed.values())
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await this.#look()
      await pause(limits.outputFollowMs, signal)
    }
  }

  /** Follows the outputs that are new: `WORKER/driver-...` and `WORKER/app-.../N`. */
  async #look(): Promise<void> {
    for (const worker of await this.#foldersIn(this.#folder)) {
      for (const name of await this.#foldersIn(worker)) {
        const isDriver = /driver-[^/]*$/.test(name)
        for (const folder of isDriver ? [name] : await this.#foldersIn(name)) this.#follow(folder)
      }
    }
  }

  #follow(folder: string): void {
    for (const output of outputs) {
      const path = join(folder, output)
      if (!this.#followed.has(path)) this.#followed.set(path, this.#copy(path, output))
    }
  }

  async #copy(path: string, output: OutputName): Promise<void> {
    try {
      const pages = followOutput(path, { signal: this.#unused.signal, ended: this.#ended })
      for await (const { data } of pages) await this.#write(output, data)
    } catch {
      // The file was replaced by its own program, or is gone. Nobody waits for it.
    }
  }

  /** A look at all of them several times in a second would disturb the program of this process. */
  async #foldersIn(path: string): Promise<readonly string[]> {
    let listed = this.#listed.get(path)
    if (listed === undefined) {
      listed = { looks: new SparedLooks(() => changeStamp(path)), folders: [] }
      this.#listed.set(path, listed)
    }
    if (listed.looks.isNeeded() || this.#closing.signal.aborted) listed.folders = await foldersIn(path)
    return listed.folders
  }
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name))
}
