import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { FiresteelError, type LeaderRecord, type Table } from 'firesteel/recovery'

export interface State {
  readonly cluster: string
  leader?: Omit<LeaderRecord, 'ownerGone'>
  lock?: { value: string; untilMs: number }
  /** The process id of each incarnation that takes part. */
  readonly present: Record<string, number>
  /** JSON texts, which this store does not parse. */
  readonly tables: Record<Table, Record<string, string>>
}

/**
 * One JSON file for several processes of one machine. A rename replaces the whole file, so a reader needs no
 * lock. A writer needs the file `mutex` for the few milliseconds of one change; it is a hard link to a file
 * with the writer's pid.
 */
export class SharedFile {
  readonly #cluster: string
  readonly #waitMs: number
  readonly #file: string
  readonly #mutex: string
  readonly #mine: string

  constructor(directory: string, cluster: string, waitMs: number) {
    fs.mkdirSync(directory, { recursive: true })
    this.#cluster = cluster
    this.#waitMs = waitMs
    this.#file = join(directory, 'state.json')
    this.#mutex = join(directory, 'mutex')
    this.#mine = join(directory, `pid-${process.pid}-${randomBytes(4).toString('hex')}`)
    fs.writeFileSync(this.#mine, String(process.pid))
  }

  read(): State {
    let text: string
    try {
      text = fs.readFileSync(this.#file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      const tables = {
        worker: {},
        app: {},
        driver: {},
        ended: {},
        key: {},
        drain: {},
        deployment: {},
        token: {},
      }
      return { cluster: this.#cluster, present: {}, tables }
    }
    const state = JSON.parse(text) as State
    if (state.cluster === this.#cluster) return state
    throw new FiresteelError('CLUSTER_MISMATCH', `${this.#file} is of the cluster ${state.cluster}.`)
  }

  /**
   * Reads the state, calls `work`, and makes its change durable if `keep` is set. No other process writes
   * meanwhile.
   */
  async change<R>(work: (state: State) => { readonly keep: boolean; readonly result: R }): Promise<R> {
    await this.#enter()
    try {
      const state = this.read()
      const { keep, result } = work(state)
      if (keep) this.#replace(JSON.stringify(state))
      return result
    } finally {
      fs.unlinkSync(this.#mutex)
    }
  }

  close(): void {
    fs.rmSync(this.#mine, { force: true })
  }

  /** Replaces the file. A power cut leaves the old state or the new one. */
  #replace(text: string): void {
    const next = `${this.#file}.next`
    fs.writeFileSync(next, text, { flush: true })
    fs.renameSync(next, this.#file)
  }

  async #enter(): Promise<void> {
    const untilMs = performance.now() + this.#waitMs
    while (!made(() => fs.linkSync(this.#mine, this.#mutex))) {
      if (performance.now() > untilMs) {
        const message = `${this.#mutex} was held for ${this.#waitMs} ms.`
        throw new FiresteelError('STORE_UNAVAILABLE', message)
      }
      this.#freeFromTheDead()
      await delay(1 + 4 * Math.random())
    }
  }

  /**
   * Removes the mutex of a dead process. Two processes at once could remove it twice, the second time from a
   * live one.
   */
  #freeFromTheDead(): void {
    const judging = `${this.#mutex}.judging`
    if (!made(() => fs.mkdirSync(judging))) return
    try {
      if (!isAlive(Number(fs.readFileSync(this.#mutex, 'utf8')))) fs.unlinkSync(this.#mutex)
    } catch (error) {
      // The holder has removed it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    } finally {
      fs.rmdirSync(judging)
    }
  }
}

/** True: this process exists on this machine. */
export function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** False: it existed already. */
function made(make: () => void): boolean {
  try {
    make()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
