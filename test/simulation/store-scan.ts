import assert from 'node:assert/strict'
import type { Fence, Page, PersistenceEngine, Table } from '../../runtime/persistence/engine.js'
import type { StoreModel } from './store-model.js'

export interface StoreScanOptions {
  readonly engine: PersistenceEngine
  readonly model: StoreModel
  readonly fence: Fence
  readonly writeId: string | undefined
  readonly table: Table
}

interface Side {
  cursor: string | undefined
  over: boolean
  readonly found: Set<string>
}

/**
 * One scan of a table in both stores, page by page, with writes between the pages. Which records are on which
 * page may differ, because real ones come in the order of a hash with a random seed. These must be equal:
 * whether the store has moved; that each record is what is stored now; that at the end no record is missing
 * that existed throughout, and with a write id none at all.
 */
export class StoreScan {
  readonly #options: StoreScanOptions
  readonly #real: Side = { cursor: undefined, over: false, found: new Set() }
  readonly #model: Side = { cursor: undefined, over: false, found: new Set() }
  #stood: Set<string>

  constructor(options: StoreScanOptions) {
    this.#options = options
    this.#stood = this.#ids()
  }

  get isOver(): boolean {
    return this.#real.over && this.#model.over
  }

  /** The next page of each that has not reached its end. */
  async page(): Promise<Page['kind'] | undefined> {
    const { engine, model, fence, writeId, table } = this.#options
    const real = this.#real.over ? undefined : await engine.read(fence, writeId, table, this.#real.cursor)
    const said = this.#model.over ? undefined : model.read(fence, writeId, table, this.#model.cursor)
    if (real !== undefined && said !== undefined) assert.equal(said.kind, real.kind, 'kind of page')
    this.#take(this.#real, real)
    this.#take(this.#model, said)
    return real?.kind
  }

  /** Called after each write. */
  written(): void {
    const ids = this.#ids()
    this.#stood = new Set([...this.#stood].filter((id) => ids.has(id)))
  }

  #take(side: Side, page: Page | undefined): void {
    if (page === undefined) return
    const { model, writeId, table } = this.#options
    if (page.kind === 'moved') {
      side.over = true
      return
    }
    for (const [id, value] of page.records) {
      assert.deepEqual(value, JSON.parse(model.get(table, id) ?? 'null'), `${table} ${id} on a page`)
      side.found.add(id)
    }
    side.cursor = page.cursor
    if (page.cursor !== undefined) return
    side.over = true
    for (const id of writeId === undefined ? this.#stood : this.#ids()) {
      assert.ok(side.found.has(id), `${table} ${id} is missing in a scan`)
    }
  }

  #ids(): Set<string> {
    const { model, table } = this.#options
    return new Set(Array.from(model.rows(table), ([id]) => id))
  }
}

/** Reads a whole table with one reader, without writes in between. */
export async function readAll(
  read: (cursor: string | undefined) => Page | Promise<Page>,
): Promise<{ kind: Page['kind']; records: Map<string, unknown>; pages: number }> {
  const records = new Map<string, unknown>()
  let cursor: string | undefined
  let pages = 0
  do {
    const page = await read(cursor)
    if (page.kind === 'moved') return { kind: 'moved', records, pages }
    for (const [id, value] of page.records) records.set(id, value)
    cursor = page.cursor
    pages += 1
  } while (cursor !== undefined)
  return { kind: 'page', records, pages }
}
