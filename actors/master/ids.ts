/** yyyyMMddHHmmss in UTC. */
function stamp(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\D/g, '').slice(0, 14)
}

/**
 * Ids in Spark's form: kind, submission time, epoch, and a number that the leader counts. The epoch makes
 * them unique over failovers (Spark restarts its numbers and relies on the time).
 */
export class IdSource {
  readonly #epoch: number
  #applications = 0
  #drivers = 0

  constructor(epoch: number) {
    this.#epoch = epoch
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
