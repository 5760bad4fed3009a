import { isFiresteelError, reasonOf } from '../../errors.js'
import { limits } from '../../limits.js'
import type { RedisConnection } from '../../redis/connection.js'
import type { RedisArgument } from '../../redis/reply.js'
import {
  type CommitOutcome,
  type CommitRequest,
  type ElectOutcome,
  type ElectRequest,
  type Fence,
  type LeaderRecord,
  type Page,
  type PersistenceEngine,
  type Quarantined,
  type RecordSchemas,
  type Table,
  tables,
} from '../engine.js'
import { type FormatRange, ownFormats } from '../store-format.js'
import { type ClusterKeys, clusterKeys, encodeId } from './keys.js'
import { formatPast, parseLeaderRecord, parsePosition } from './leader-record.js'
import { demotion, readError, writeOutcome } from './outcomes.js'
import { RecordPages } from './record-pages.js'
import type { RecordSeal } from './record-seal.js'
import { expectOurs, fenceReply } from './replies.js'
import * as scripts from './scripts.js'

export interface RedisEngineOptions {
  readonly connection: RedisConnection
  readonly cluster: string
  readonly schemas: RecordSchemas
  readonly seal: RecordSeal
  /** Replicas that must have a commit (protocol 4.5); 0: none. */
  readonly replicas: number
  readonly leaseMs: number
  /** Wall clock, for the time in a quarantined entry. */
  readonly wallMs: () => number
  /** Called once for each record set aside, and for a `leave` that failed. */
  readonly onWarning: (place: string, reason: string) => void
  readonly readPage?: number
  /** Default: those of this build. */
  readonly formats?: FormatRange
}

/** Recovery mode REDIS: protocol 2 to 4. Every write is one script that compares before it writes. */
export class RedisEngine implements PersistenceEngine {
  readonly #options: RedisEngineOptions
  readonly #connection: RedisConnection
  readonly #keys: ClusterKeys
  readonly #allKeys: readonly string[]
  readonly #writtenKeys: readonly string[]
  readonly #pages: RecordPages

  constructor(options: RedisEngineOptions) {
    const { connection, cluster, schemas, seal, wallMs, onWarning, readPage = limits.readPage } = options
    this.#options = options
    this.#connection = connection
    this.#keys = clusterKeys(cluster)
    this.#writtenKeys = [this.#keys.leader, ...tables.map((table) => this.#keys.table[table])]
    this.#allKeys = [...this.#writtenKeys, this.#keys.quarantine]
    this.#pages = new RecordPages({
      connection,
      keys: this.#keys,
      schemas,
      seal,
      pageRecords: readPage,
      wallMs,
      onWarning,
    })
  }

  leader(): Promise<LeaderRecord | undefined> {
    return this.#reading(async () => {
      const reply = (await this.#connection.evaluate(scripts.inspect, this.#allKeys, [])) as [
        string,
        string[],
      ]
      expectOurs(reply, this.#keys)
      const { cluster, seal, formats = ownFormats } = this.#options
      const { keyId } = seal
      return parseLeaderRecord(reply[1], { cluster, formats, keyId, place: this.#keys.leader })
    })
  }

  async elect(request: ElectRequest): Promise<ElectOutcome> {
    const { seen, me, address, lock, observedEpoch, earlier = [], writeId, protocols = '', format } = request
    let reply: string[]
    try {
      reply = (await this.#connection.evaluate(scripts.elect, this.#allKeys, [
        format,
        this.#options.cluster,
        seen?.epoch ?? 0,
        seen?.owner ?? '',
        me,
        address,
        lock,
        observedEpoch,
        writeId,
        formatPast(earlier),
        protocols,
        this.#options.seal.keyId,
      ])) as string[]
    } catch (error) {
      return this.#writeFailed(error)
    }
    const kind = expectOurs(reply, this.#keys)
    const [, epoch = '0', third = '', stored = ''] = reply
    if (kind === 'CHANGED') return { kind: 'changed', epoch: Number(epoch), owner: third }
    return { kind: 'elected', epoch: Number(epoch), owner: me, base: parsePosition(third), writeId: stored }
  }

  read(fence: Fence, writeId: string | undefined, table: Table, cursor: string | undefined): Promise<Page> {
    return this.#reading(() => this.#pages.page(fence, writeId ?? '', table, cursor))
  }

  readAhead(fence: Fence, among: readonly Table[]): Promise<void> {
    return this.#reading(() => this.#pages.readAhead(fence, among))
  }

  touch(fence: Fence, lock: string, prev?: string): Promise<CommitOutcome> {
    const args = [fence.epoch, fence.owner, lock, ...(prev === undefined ? [] : [prev])]
    return this.#writing(() => this.#connection.evaluate(scripts.touch, [this.#keys.leader], args))
  }

  async commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome> {
    const { replicas, seal } = this.#options
    const script = request.puts.length === 0 ? scripts.commitDeletes : scripts.commit
    const args = commitArguments(fence, request, { seal, waits: replicas > 0 })
    const outcome = await this.#writing(() => this.#connection.evaluate(script, this.#writtenKeys, args))
    if (replicas === 0 || (outcome.kind !== 'ok' && outcome.kind !== 'duplicate')) return outcome
    return (await this.#replicated(replicas)) ?? outcome
  }

  async leave(fence: Fence): Promise<void> {
    try {
      await this.#connection.evaluate(scripts.leave, [this.#keys.leader], [fence.epoch, fence.owner])
    } catch (error) {
      // A hint that spares the next leader a wait. Nobody can do anything about its failure.
      this.#options.onWarning(this.#keys.leader, `leave did not reach the store: ${reasonOf(error)}`)
    }
  }

  quarantined(): Promise<readonly Quarantined[]> {
    return this.#reading(() => this.#pages.quarantined(), this.#keys.quarantine)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #reading<T>(read: () => Promise<T>, place: string = this.#connection.label): Promise<T> {
    try {
      return await read()
    } catch (error) {
      throw readError(error, place, this.#connection.degradation)
    }
  }

  async #writing(write: () => Promise<unknown>): Promise<CommitOutcome> {
    try {
      const reply = (await write()) as string[]
      const kind = expectOurs(reply, this.#keys)
      const position = { epoch: Number(reply[1]), seq: Number(reply[2]) }
      return fenceReply(reply) ?? { kind: kind === 'DUPLICATE' ? 'duplicate' : 'ok', position }
    } catch (error) {
      // Another program writes our keys, so what this leader knows of the store is not true any more.
      if (isFiresteelError(error)) return { kind: 'failed', reason: `${error.message} (${error.place})` }
      return this.#writeFailed(error)
    }
  }

  #writeFailed(error: unknown) {
    const demoted = demotion(error, this.#connection.label)
    if (demoted !== undefined) this.#connection.refresh(demoted)
    return writeOutcome(error)
  }

  /** Undefined: enough replicas have it. */
  async #replicated(replicas: number): Promise<CommitOutcome | undefined> {
    try {
      // Half of the time-out, because later commands on this connection wait as long.
      const count = Number(
        await this.#connection.call('WAIT', replicas, Math.round(this.#options.leaseMs / 8)),
      )
      if (count >= replicas) return undefined
      return { kind: 'unknown', reason: `${count} of ${replicas} replicas have the commit` }
    } catch (error) {
      return { kind: 'unknown', reason: reasonOf(error) }
    }
  }
}

/** Runs of one command on one key, HSETs before HDELs (see scripts.commit). */
function commitArguments(
  fence: Fence,
  request: CommitRequest,
  { seal, waits }: { readonly seal: RecordSeal; readonly waits: boolean },
): RedisArgument[] {
  const { n, prev, writeId, puts, deletes, format = '' } = request
  const args: RedisArgument[] = [fence.epoch, fence.owner, n, prev, writeId, waits ? '1' : '0', format]
  for (const [index, table] of tables.entries()) {
    const values = puts.flatMap((put) =>
      put.table === table ? [encodeId(put.id), seal.seal(table, put.id, put.json)] : [],
    )
    if (values.length > 0) args.push('HSET', index + 2, values.length, ...values)
  }
  for (const [index, table] of tables.entries()) {
    const ids = deletes.flatMap((entry) => (entry.table === table ? [encodeId(entry.id)] : []))
    if (ids.length > 0) args.push('HDEL', index + 2, ids.length, ...ids)
  }
  return args
}
