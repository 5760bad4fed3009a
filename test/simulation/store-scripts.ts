import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { Fence, Table } from '../../runtime/persistence/engine.js'
import { tables } from '../../runtime/persistence/engine.js'
import { clusterKeys, decodeId, encodeId } from '../../runtime/persistence/redis/keys.js'
import type { ScannedConnection } from '../../runtime/persistence/redis/record-scans.js'
import { RecordSeal, SEALED_END_BYTES } from '../../runtime/persistence/redis/record-seal.js'
import * as scripts from '../../runtime/persistence/redis/scripts.js'
import type { RedisArgument, RedisScript } from '../../runtime/redis/reply.js'
import type { StoreModel } from './store-model.js'

/** Carries work out at the store, and rejects as a connection does. */
export type AskStore = <T>(work: (model: StoreModel) => T) => Promise<T>

interface Question {
  readonly fence: Fence
  readonly writeId: string | undefined
  readonly table: Table
  readonly args: readonly RedisArgument[]
}

type Reply = readonly unknown[]

const moved: Reply = ['MOVED']
/** Sums are modulo this. */
const MODULUS = 2 ** 52

export const sealOf = (cluster: string): RecordSeal => new RecordSeal('of the simulator', cluster)

/**
 * The scripts by which a Master reads records, over the model, as `read` and `readFields` of scripts.ts are
 * on a server: the shipped code that reads ahead asks them. The model has records without seals, so each is
 * sealed as it is read.
 */
export class StoreScripts implements ScannedConnection {
  readonly #ask: AskStore
  readonly #seal: RecordSeal
  readonly #tables: ReadonlyMap<string, Table>

  constructor(ask: AskStore, cluster: string) {
    this.#ask = ask
    this.#seal = sealOf(cluster)
    const keys = clusterKeys(cluster)
    this.#tables = new Map(tables.map((table) => [keys.table[table], table]))
  }

  evaluate(
    script: RedisScript,
    [, key = '']: readonly string[],
    [epoch, owner, writeId, ...args]: readonly RedisArgument[],
  ): Promise<Reply> {
    const question: Question = {
      fence: { epoch: Number(epoch), owner: String(owner) },
      writeId: writeId === '' ? undefined : String(writeId),
      table: this.#tables.get(key)!,
      args,
    }
    if (script === scripts.read) return this.#ask((model) => this.#page(model, question))
    if (script === scripts.readFields) return this.#ask((model) => this.#fields(model, question))
    throw new Error('the model does not know this script')
  }

  call(command: string): Promise<never> {
    throw new Error(`the model does not know ${command}`)
  }

  #page(model: StoreModel, { fence, writeId, table, args }: Question): Reply {
    const [cursor, count, what, ...groups] = args
    const page = model.scan(fence, writeId, table, Number(cursor), Number(count))
    if (!page) return moved
    const entries = page.entries.map(([id, json]) => this.#stored(table, id, json))
    const next = Buffer.from(String(page.next ?? 0))
    if (what === 'content') return ['OK', next, entries.flat()]
    if (what === 'sums') return ['OK', next, sumsOf(entries)]
    const named = new Set(groups.map((group) => (group as Buffer).toString('latin1')))
    const found = entries.filter(([field]) => named.size === 0 || named.has(groupOf(field)))
    return ['OK', next, found.flatMap(([field, content]) => [field, endOf(content)])]
  }

  #fields(model: StoreModel, { fence, writeId, table, args }: Question): Reply {
    const ids = args.map((field) => decodeId(field as Buffer)!)
    const found = model.fields(fence, writeId, table, ids)
    if (!found) return moved
    const contents = found.map((json, at) => json && this.#stored(table, ids[at]!, json)[1])
    return ['OK', contents.map((content) => content ?? null)]
  }

  #stored(table: Table, id: string, json: string): readonly [field: Buffer, content: Buffer] {
    return [Buffer.from(encodeId(id)), Buffer.from(this.#seal.seal(table, id, json))]
  }
}

const groupOf = (field: Buffer): string => field.toString('latin1', 0, field.length - 1)

const endOf = (content: Buffer): Buffer => content.subarray(content.length - SEALED_END_BYTES)

function sumsOf(entries: readonly (readonly [field: Buffer, content: Buffer])[]): (Buffer | number)[] {
  const sums = new Map<string, number>()
  for (const [field, content] of entries) {
    const digest = createHash('sha1').update(field).update(endOf(content)).digest('hex')
    const group = groupOf(field)
    sums.set(group, ((sums.get(group) ?? 0) + Number.parseInt(digest.slice(0, 13), 16)) % MODULUS)
  }
  return [...sums].flatMap(([group, sum]) => [Buffer.from(group, 'latin1'), sum])
}
