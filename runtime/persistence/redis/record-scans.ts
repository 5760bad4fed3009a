import type { RedisConnection } from '../../redis/connection.js'
import type { RedisArgument, RedisScript } from '../../redis/reply.js'
import type { Fence, Table } from '../engine.js'
import type { ClusterKeys } from './keys.js'
import { addSums, type Entry } from './known-records.js'
import { expectOurs } from './replies.js'
import * as scripts from './scripts.js'

/** What is asked of a connection here. */
export type ScannedConnection = Pick<RedisConnection, 'evaluate' | 'call'>

/** What the pages of one election and table have in common. */
export interface Scan {
  readonly fence: Fence
  readonly writeId: string
  readonly table: Table
}

export interface ScannedPage {
  readonly entries: readonly Entry[]
  /** Undefined after the last page. */
  readonly next: string | undefined
}

/**
 * The questions of `RecordPages` to Redis. Each is fenced: undefined says that another owner leads now. They
 * reject as the connection does, and with STORE_UNREADABLE for a key of another program.
 */
export class RecordScans {
  readonly #connection: ScannedConnection
  readonly #keys: ClusterKeys

  constructor(connection: ScannedConnection, keys: ClusterKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  /** Records with their contents. */
  contents(scan: Scan, cursor: string | undefined, count: number): Promise<ScannedPage | undefined> {
    return this.#entries(scan, cursor, count, 'content', [])
  }

  /** Records with their seals; of some groups only, if some are named. */
  seals(
    scan: Scan,
    cursor: string | undefined,
    count: number,
    groups: readonly Buffer[],
  ): Promise<ScannedPage | undefined> {
    return this.#entries(scan, cursor, count, 'seal', groups)
  }

  /** The sum of each group of the table. */
  async sums(scan: Scan, count: number): Promise<ReadonlyMap<string, number> | undefined> {
    const sums = new Map<string, number>()
    let cursor: string | undefined
    do {
      const page = await this.#page<Buffer | number>(scan, cursor, count, 'sums', [])
      if (!page) return undefined
      for (let i = 0; i < page.flat.length; i += 2) {
        const group = (page.flat[i] as Buffer).toString('latin1')
        sums.set(group, addSums(sums.get(group) ?? 0, page.flat[i + 1] as number))
      }
      cursor = page.next
    } while (cursor !== undefined)
    return sums
  }

  /** A field that is no longer there is left out. */
  async fields(scan: Scan, fields: readonly Buffer[]): Promise<readonly Entry[] | undefined> {
    const reply = await this.#ask(scripts.readFields, scan, fields)
    if (!reply) return undefined
    const [, contents] = reply as [Buffer, (Buffer | null)[]]
    return contents.flatMap((content, index) => (content ? [{ field: fields[index]!, content }] : []))
  }

  /** Moves records to the quarantine: (field, content, field there, header) of each. */
  async setAside(scan: Scan, quadruples: readonly RedisArgument[]): Promise<true | undefined> {
    const reply = await this.#ask(scripts.setAside, scan, quadruples, [this.#keys.quarantine])
    return reply && true
  }

  async #entries(
    scan: Scan,
    cursor: string | undefined,
    count: number,
    what: 'content' | 'seal',
    groups: readonly Buffer[],
  ): Promise<ScannedPage | undefined> {
    const page = await this.#page<Buffer>(scan, cursor, count, what, groups)
    if (!page) return undefined
    const entries: Entry[] = []
    for (let i = 0; i < page.flat.length; i += 2)
      entries.push({ field: page.flat[i]!, content: page.flat[i + 1]! })
    return { entries, next: page.next }
  }

  /** By HSCAN. */
  async #page<T>(
    scan: Scan,
    cursor: string | undefined,
    count: number,
    what: 'content' | 'seal' | 'sums',
    groups: readonly Buffer[],
  ): Promise<{ readonly flat: readonly T[]; readonly next: string | undefined } | undefined> {
    const reply = await this.#ask(scripts.read, scan, [cursor ?? '0', count, what, ...groups])
    if (!reply) return undefined
    const [, bytes, flat] = reply as [Buffer, Buffer, T[]]
    const next = bytes.toString()
    return { flat, next: next === '0' ? undefined : next }
  }

  async #ask(
    script: RedisScript,
    { fence, writeId, table }: Scan,
    args: readonly RedisArgument[],
    moreKeys: readonly string[] = [],
  ): Promise<unknown[] | undefined> {
    const keys = this.#keys
    const all = [keys.leader, keys.table[table], ...moreKeys]
    const scripted = [fence.epoch, fence.owner, writeId, ...args]
    const reply = (await this.#connection.evaluate(script, all, scripted, 'bytes')) as Buffer[]
    return expectOurs(reply, keys) === 'MOVED' ? undefined : reply
  }
}
