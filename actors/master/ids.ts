/** yyyyMMddHHmmss in UTC. */
function stamp(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\D/g, '').slice(0, 14)
}

/** How many ids of each kind a leader has given. */
export interface GivenIds {
  readonly applications: number
  readonly drivers: number
}

/**
 * Ids in Spark's form: kind, submission time, epoch, and a number that the leader counts. The epoch makes
 * them unique over failovers (Spark restarts its numbers and relies on the time).
 */
export class IdSource {
  readonly #epoch: number
  #applications: number
  #drivers: number

  constructor(epoch: number, { applications, drivers }: GivenIds = { applications: 0, drivers: 0 }) {
    this.#epoch = epoch
    this.#applications = applications
    this.#drivers = drivers
  }

  get given(): GivenIds {
    return { applications: this.#applications, drivers: this.#drivers }
  }

  application(wallMs: number): string {
    return this.#id('app', wallMs, this.#applications++)
  }

  driver(wallMs: number): string {
    return this.#id('driver', wallMs, this.#drivers++)
  }

  #id(kind: string, wallMs: number, number: number): string {
    return `${kind}-${stamp(wallMs)}-${this.#epoch}-${String(number).padStart(4, '0')}`
  }
}
