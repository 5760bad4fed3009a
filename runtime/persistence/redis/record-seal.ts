import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Table } from '../engine.js'

/** `,"seal":"<43 characters of base64url>"}`, the last field of a stored record. */
const SEAL_CHARS = 43
const BEFORE = '"seal":"'
const AFTER = '"}'
const TAIL_CHARS = 1 + BEFORE.length + SEAL_CHARS + AFTER.length
/** The seal and what follows. Two sealed records with the same last bytes are the same one. */
export const SEALED_END_BYTES = SEAL_CHARS + AFTER.length

/**
 * Authenticates the records in Redis. Each carries an HMAC-SHA256 over its table, its id and its JSON, by a
 * key that every Master derives from the secret of the cluster. Whoever can write to Redis but does not know
 * the secret can thus add or alter no record: what he writes is set aside. He can still delete records, and
 * put an earlier one of the same id back.
 *
 * The seal is the last field of the JSON object, so that a record stays readable for people and for older
 * readers.
 */
export class RecordSeal {
  readonly #key: Buffer
  /** Names the key and tells nothing of it. 16 hexadecimal digits, kept in the leader record. */
  readonly keyId: string

  /** The key holds for one cluster: a record of another one is not taken for ours. */
  constructor(secret: string, cluster: string) {
    this.#key = createHmac('sha256', secret).update(`firesteel/1 key\0records\0${cluster}`, 'utf8').digest()
    this.keyId = createHmac('sha256', this.#key).update('firesteel/1 key id').digest('hex').slice(0, 16)
  }

  /**
   * `json` is the text of an object without a field `seal`. Returns that text with its seal. Text that is no
   * object stays as it is, and is set aside when it is read.
   */
  seal(table: Table, id: string, json: string): string {
    if (!json.startsWith('{') || !json.endsWith('}')) return json
    const seal = this.#sealOf(table, id, json)
    const fields = json.slice(0, -1)
    return `${fields}${fields === '{' ? '' : ','}${BEFORE}${seal}${AFTER}`
  }

  /** The text as it was given to `seal`; undefined: it was not sealed with this key for this table and id. */
  open(table: Table, id: string, stored: Buffer): string | undefined {
    const text = stored.toString('utf8')
    const at = text.length - TAIL_CHARS
    if (at < 0 || !text.endsWith(AFTER)) return undefined
    const seal = Buffer.from(text.slice(-SEAL_CHARS - AFTER.length, -AFTER.length))
    const isEmpty = text.startsWith(`{${BEFORE}`)
    if (!text.startsWith(isEmpty ? `{${BEFORE}` : `,${BEFORE}`, at)) return undefined
    const json = `${isEmpty ? '{' : text.slice(0, at)}}`
    // As text: the same bytes can be written in several ways, and only one of them is ours.
    const expected = Buffer.from(this.#sealOf(table, id, json))
    return seal.length === expected.length && timingSafeEqual(seal, expected) ? json : undefined
  }

  #sealOf(table: Table, id: string, json: string): string {
    return createHmac('sha256', this.#key)
      .update(`${JSON.stringify([table, id])}\n${json}`, 'utf8')
      .digest('base64url')
  }
}
