import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { programs } from '../built-file.js'
import { type ErrorParts, errorOf, FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { CollectOptions } from './collect.js'
import type { DiskOrders } from './disk/disk-orders.js'
import { type Collected, readManifest } from './manifest.js'

/*
 * Each file of code costs a dozen calls of the system, and some codes have thousands of files. Made from the
 * event loop, each call would wake a thread of a pool and then the loop again. So one thread does all of them
 * in order, and the loop only hands it what came. Long orders rest now and then, and others go between.
 */

type OrderName = keyof DiskOrders

export interface Order {
  readonly number: number
  readonly name: OrderName
  readonly args: readonly unknown[]
}

export interface Answer {
  readonly number: number
  readonly result?: unknown
  readonly failure?: ErrorParts
}

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: FiresteelError) => void
}

/** The thread that reads and writes the files of code for this process. It lives while it is needed. */
export class CodeDisk {
  readonly #pending = new Map<number, Pending>()
  #thread: Worker | undefined
  /** Where the program of the thread is missing: a bundler of the user left it behind. */
  #here: Promise<DiskOrders> | undefined
  #orders = 0
  #users = 0
  #idle: NodeJS.Timeout | undefined
  readonly #program: URL

  constructor(program: URL = programs.disk) {
    this.#program = program
  }

  /** Runs one order, after all earlier ones have begun. Rejects with its error. */
  async run<N extends OrderName>(
    name: N,
    args: Parameters<DiskOrders[N]>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Awaited<ReturnType<DiskOrders[N]>>> {
    const number = ++this.#orders
    const thread = this.#started()
    if (thread === undefined) return this.#runHere(name, args)
    const result = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(number, { resolve, reject })
    })
    thread.ref()
    thread.postMessage({ number, name, args } satisfies Order, transfer)
    return (await result) as Awaited<ReturnType<DiskOrders[N]>>
  }

  /** Rejects as `collectCode` does. */
  async collect(options: CollectOptions): Promise<Collected> {
    const { id, text, sources } = await this.run('collect', [options])
    const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
    return { manifest: await readManifest(bytes, id), sources }
  }

  /** The thread lives until the given function is called. Returns a number that no other user has. */
  use(): { readonly number: number; readonly release: () => void } {
    this.#users++
    let isUsed = true
    const release = (): void => {
      if (isUsed) this.#users--
      isUsed = false
      this.#rest()
    }
    return { number: ++this.#orders, release }
  }

  #started(): Worker | undefined {
    if (this.#thread) return this.#thread
    if (this.#here || !existsSync(fileURLToPath(this.#program))) return undefined
    // Options of the program, such as a loader, are not for this thread.
    const thread = new Worker(this.#program, { execArgv: [] })
    this.#thread = thread
    let reason = 'it has ended'
    thread.on('message', (answer: Answer) => this.#answered(answer))
    thread.on('error', (error) => {
      reason = reasonOf(error)
    })
    thread.on('exit', () => {
      if (this.#thread !== thread) return
      this.#thread = undefined
      const pending = [...this.#pending.values()]
      this.#pending.clear()
      const error = new FiresteelError('INTERNAL', `The thread for files of code failed: ${reason}`)
      for (const { reject } of pending) reject(error)
    })
    return thread
  }

  async #runHere<N extends OrderName>(
    name: N,
    args: Parameters<DiskOrders[N]>,
  ): Promise<Awaited<ReturnType<DiskOrders[N]>>> {
    this.#here ??= import('./disk/disk-orders.js').then(({ DiskOrders: Orders }) => new Orders())
    const orders = await this.#here
    return (await Reflect.apply(orders[name], orders, args)) as Awaited<ReturnType<DiskOrders[N]>>
  }

  #answered({ number, result, failure }: Answer): void {
    const pending = this.#pending.get(number)
    this.#pending.delete(number)
    if (failure) pending?.reject(errorOf(failure))
    else pending?.resolve(result)
    this.#rest()
  }

  /** Nobody waits for it, so it keeps no process alive, and ends after a while. */
  #rest(): void {
    if (this.#pending.size > 0) return
    this.#thread?.unref()
    this.#idle?.refresh()
    this.#idle ??= setTimeout(() => {
      this.#idle = undefined
      if (this.#pending.size > 0 || this.#users > 0) return
      const thread = this.#thread
      this.#thread = undefined
      void thread?.terminate()
    }, innerLimits.codeDiskIdleMs).unref()
  }
}

/** That of this process. */
export const codeDisk = new CodeDisk()
