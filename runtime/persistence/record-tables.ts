import { type Delete, type Put, type Table, tables } from './engine.js'

/**
 * Durable records as JSON text, by table and id. The file engine writes its snapshots from them, and the
 * record cache of a leader (protocol 6) holds them, fed by the commit queue. They are text, because text
 * cannot change under its holder.
 */
export class RecordTables {
  readonly #rows: Record<Table, Map<string, string>>
  #bytes = 0

  constructor(from?: RecordTables) {
    this.#bytes = from?.bytes ?? 0
    this.#rows = {
      worker: new Map(from?.rows('worker')),
      app: new Map(from?.rows('app')),
      driver: new Map(from?.rows('driver')),
      ended: new Map(from?.rows('ended')),
      key: new Map(from?.rows('key')),
      drain: new Map(from?.rows('drain')),
      deployment: new Map(from?.rows('deployment')),
      token: new Map(from?.rows('token')),
    }
  }

  get size(): number {
    let size = 0
    for (const table of tables) size += this.#rows[table].size
    return size
  }

  /** Characters of all texts. */
  get bytes(): number {
    return this.#bytes
  }

  apply(puts: Iterable<Put>, deletes: Iterable<Delete>): void {
    for (const { table, id, json } of puts) {
      this.#bytes += json.length - (this.#rows[table].get(id)?.length ?? 0)
      this.#rows[table].set(id, json)
    }
    for (const { table, id } of deletes) {
      this.#bytes -= this.#rows[table].get(id)?.length ?? 0
      this.#rows[table].delete(id)
    }
  }

  get(table: Table, id: string): string | undefined {
    return this.#rows[table].get(id)
  }

  rows(table: Table): ReadonlyMap<string, string> {
    return this.#rows[table]
  }

  *puts(): Generator<Put> {
    for (const table of tables) {
      for (const [id, json] of this.#rows[table]) yield { table, id, json }
    }
  }
}
