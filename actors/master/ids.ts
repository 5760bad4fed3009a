/** yyyyMMddHHmmss in UTC. */
function stamp(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\D/g, '').slice(0, 14)
}

/**
 * Ids with Spark's look: kind, submission time, epoch and a number counted by the leader. The epoch makes them
 * unique through failovers (Spark restarts its numbers and rests on the time stamp).
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
