import type { Fence, Page, Table } from '../../runtime/persistence/engine.js'
import type { StoreModel, StoreState } from './store-model.js'
import type { Fail } from './violation.js'

/**
 * S2 where a leader begins: what it was given of a table, also what it had read ahead as a STANDBY, is what
 * the store held when it elected that leader.
 */
export class ReadWatch {
  readonly #model: StoreModel
  readonly #fail: Fail
  /** What the newest election found, and its write id. */
  #found: { readonly writeId: string; readonly state: StoreState } | undefined
  readonly #given = new Map<string, Map<string, string>>()

  constructor(model: StoreModel, fail: Fail) {
    this.#model = model
    this.#fail = fail
  }

  elected(writeId: string): void {
    this.#found = { writeId, state: this.#model.save() }
    this.#given.clear()
  }

  /** A leader was given this page of the scan with this cursor; `writeId` is that of its election. */
  given({ owner }: Fence, writeId: string, table: Table, cursor: string | undefined, page: Page): void {
    if (this.#found?.writeId !== writeId || page.kind !== 'page') return
    const given = (cursor === undefined ? undefined : this.#given.get(table)) ?? new Map<string, string>()
    for (const [at, [id, value]] of page.records.entries()) {
      const text = page.texts?.[at] ?? ''
      if (JSON.stringify(value) !== text)
        this.#fail('S2', `${owner} was given ${table} ${id} with the text of another record`)
      given.set(id, text)
    }
    this.#given.set(table, given)
    if (page.cursor === undefined) this.#compare(owner, table, given, this.#found.state)
  }

  #compare(owner: string, table: Table, given: ReadonlyMap<string, string>, { rows }: StoreState): void {
    let held = 0
    for (const [id, json] of rows[table]) {
      held++
      if (given.get(id) === json) continue
      const what = given.has(id) ? 'an earlier' : 'no'
      this.#fail('S2', `${owner} begins with ${what} ${table} ${id}; the store holds ${json}`)
    }
    if (given.size !== held)
      this.#fail('S2', `${owner} begins with ${given.size} records of ${table}; the store holds ${held}`)
  }
}
