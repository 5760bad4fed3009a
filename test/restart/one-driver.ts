import { readFileSync } from 'node:fs'
import { isAlive } from '../../runtime/process/find-process.js'
import { readProcess } from '../../runtime/process/process-table.js'

export interface DriverProcess {
  readonly generation: number
  readonly pid: number
  readonly startTime: string
}

const LOOK_MS = 5

/** Watches the processes of one driver, each of which writes `GENERATION PID` into a file. */
export class OneDriver {
  readonly #file: string
  readonly #seen = new Map<number, DriverProcess>()
  readonly #timer: NodeJS.Timeout
  /** So many lived at the same time, at most. */
  atOnce = 0

  constructor(file: string) {
    this.#file = file
    this.#timer = setInterval(() => this.look(), LOOK_MS)
  }

  /** In the order of their starts. */
  get all(): readonly DriverProcess[] {
    return [...this.#seen.values()]
  }

  get alive(): readonly DriverProcess[] {
    return this.all.filter(isAlive)
  }

  look(): void {
    for (const line of this.#lines()) {
      const [generation = 0, pid = 0] = line.split(' ').map(Number)
      if (!this.#seen.has(pid))
        this.#seen.set(pid, { generation, pid, startTime: readProcess(pid)?.startTime ?? 'gone' })
    }
    this.atOnce = Math.max(this.atOnce, this.alive.length)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #lines(): string[] {
    try {
      return readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)
    } catch {
      return []
    }
  }
}
