/** May change a node in place: any object that no other holder has. */
export type Hold = object

interface Slot {
  readonly hold: Hold
  readonly rows: Map<string, string>
}

const slotCount = 64

/**
 * One table: JSON text by id, in a hash of fixed size. Slots of another holder are copied before they are
 * changed, so that a snapshot costs nothing when it is taken. A cursor is the number of a slot: a scan beside
 * writes misses nothing that stays, as with HSCAN.
 */
export class StoreRows {
  readonly #hold: Hold
  readonly #slots: (Slot | undefined)[]

  private constructor(hold: Hold, slots: (Slot | undefined)[]) {
    this.#hold = hold
    this.#slots = slots
  }

  static empty(): StoreRows {
    return new StoreRows({}, new Array<Slot | undefined>(slotCount).fill(undefined))
  }

  get(id: string): string | undefined {
    return this.#slots[slotOf(id)]?.rows.get(id)
  }

  /** Returns the rows with it. Those of another holder stay as they are. */
  put(hold: Hold, id: string, json: string): StoreRows {
    const mine = this.#heldBy(hold)
    mine.#writable(slotOf(id)).set(id, json)
    return mine
  }

  delete(hold: Hold, id: string): StoreRows {
    if (this.get(id) === undefined) return this
    const mine = this.#heldBy(hold)
    mine.#writable(slotOf(id)).delete(id)
    return mine
  }

  /**
   * Whole slots from `cursor` on, until there are at least `count` entries. `next` is undefined after the
   * last slot.
   */
  page(cursor: number, count: number): { entries: [id: string, json: string][]; next: number | undefined } {
    const entries: [string, string][] = []
    let slot = cursor
    for (; slot < slotCount && entries.length < count; slot += 1) {
      const rows = this.#slots[slot]?.rows
      if (rows !== undefined) for (const entry of rows) entries.push(entry)
    }
    return { entries, next: slot < slotCount ? slot : undefined }
  }

  *[Symbol.iterator](): Generator<[id: string, json: string]> {
    for (const slot of this.#slots) if (slot !== undefined) yield* slot.rows
  }

  #heldBy(hold: Hold): StoreRows {
    return this.#hold === hold ? this : new StoreRows(hold, this.#slots.slice())
  }

  #writable(at: number): Map<string, string> {
    const slot = this.#slots[at]
    if (slot?.hold === this.#hold) return slot.rows
    const rows = new Map(slot?.rows)
    this.#slots[at] = { hold: this.#hold, rows }
    return rows
  }
}

/** FNV-1a, so that the order of a scan is the same in every run. */
function slotOf(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 15)) & (slotCount - 1)
}
