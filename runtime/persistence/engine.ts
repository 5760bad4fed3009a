/**
 * What a Master keeps and how it is fenced: protocol 2 and 3, for every recovery mode. An engine stores JSON
 * text that it does not understand. It compares before it writes, and never guesses.
 */
import type { ErrorName } from '../errors.js'

export const tables = ['worker', 'app', 'driver', 'ended', 'key', 'drain', 'deployment', 'token'] as const
export type Table = (typeof tables)[number]

/** Where a history stands. Epochs are compared first, then seq. Seq counts commits and never restarts. */
export interface Position {
  readonly epoch: number
  readonly seq: number
}

export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.seq - b.seq
}

/** A position with its owner: after a store lost writes, two leaderships may have had one epoch. */
export interface OwnedPosition extends Position {
  readonly owner: string
}

/** Names a leadership (protocol S1). */
export interface Fence {
  readonly epoch: number
  readonly owner: string
}

/** An absolute value: writing it twice does no harm. `json` is one JSON object, `at` included. */
export interface Put {
  readonly table: Table
  readonly id: string
  readonly json: string
}

export interface Delete {
  readonly table: Table
  readonly id: string
}

/** An earlier election, and where it found the store. */
export interface PastElection extends Fence {
  readonly base: Position
}

/** The leader record (protocol 2). To read it has no consequence. */
export interface LeaderRecord extends Fence {
  readonly address: string
  /** Redlock's value; it has no meaning without a lock. */
  readonly lock: string
  /** The stored position, and the write id of its write. */
  readonly position: Position
  readonly writeId: string
  /** The position that the leader found when it was elected. */
  readonly base: Position
  /** As given to `elect`. Engines for a single Master keep none. */
  readonly earlier?: readonly PastElection[]
  /**
   * As given to `elect`: the protocols of the leader (`1-2`). A Master that speaks none of them could not be
   * understood, and does not stand for election.
   */
  readonly protocols?: string
  /** The format of the store (`store-format.ts`); absent: nothing that has one was stored yet. */
  readonly format?: number
  /** Time of the last touch by the store's clock. Compare it with itself only. */
  readonly touchedMs: number
  readonly left: boolean
  /** The owner's process is proved gone. Only FILESYSTEM can tell; false means unknown. */
  readonly ownerGone: boolean
}

export interface ElectRequest {
  /** What the candidate read before it asked for the lock; undefined if there was no leader record. */
  readonly seen: Fence | undefined
  /** The candidate's incarnation. */
  readonly me: string
  readonly address: string
  readonly lock: string
  /** Highest epoch that Masters and Workers have told; 0 for none. */
  readonly observedEpoch: number
  /** The elections before, oldest first, that of `seen` included. The engine stores them as they are. */
  readonly earlier?: readonly PastElection[]
  /** The protocols of the candidate. The engine stores them as they are. */
  readonly protocols?: string
  /**
   * The format that the candidate found, or that an empty store gets. If the store has another one by now,
   * the outcome is `changed`.
   */
  readonly format: number
  /** Fresh and random: the first write id of this leadership's chain. */
  readonly writeId: string
}

/** The state of the store as clients get it. */
export type StoreDegradation = Extract<ErrorName, 'STORE_FULL' | 'STORE_UNAVAILABLE'>

/** Not applied, and known not to be. Keep it and try again. */
export interface Refused {
  readonly kind: 'refused'
  readonly code: StoreDegradation
  readonly reason: string
}
/** Applied or not, perhaps later still (time-out, broken link). Send the same again. */
export interface Unknown {
  readonly kind: 'unknown'
  readonly reason: string
}
/** Another owner leads. `owner` is empty while a new leader has not written its name yet. */
export interface Deposed extends Fence {
  readonly kind: 'deposed'
}
/** The store holds another history than the one this leader wrote. */
export interface Rewound {
  readonly kind: 'rewound'
  readonly position: Position
  readonly writeId: string
}
/** The store can no longer promise durability. The leadership ends, and nothing is tried again. */
export interface Failed {
  readonly kind: 'failed'
  readonly reason: string
}

export interface Elected extends Fence {
  readonly kind: 'elected'
  readonly base: Position
  readonly writeId: string
}
/** Another candidate was first. `owner` is empty if there is none or it has no name yet. */
export interface Changed extends Fence {
  readonly kind: 'changed'
}
export type ElectOutcome = Elected | Changed | Refused | Unknown

export type CommitOutcome =
  | { readonly kind: 'ok' | 'duplicate'; readonly position: Position }
  | Deposed
  | Rewound
  | Refused
  | Unknown
  | Failed

export interface CommitRequest {
  /** The seq that this commit gives the store. */
  readonly n: number
  /** Write id of the write before this one. */
  readonly prev: string
  /** Write id of this commit, fresh and random. A repetition has the same. */
  readonly writeId: string
  /** No (table, id) occurs twice. */
  readonly puts: readonly Put[]
  readonly deletes: readonly Delete[]
  /** The format of the store is this one from this commit on. Absent: it stays what it is. */
  readonly format?: number
}

export type Page =
  | {
      readonly kind: 'page'
      readonly records: readonly (readonly [id: string, value: unknown])[]
      /** The JSON text of each record, where the engine has it: that spares the reader to write it. */
      readonly texts?: readonly string[]
      /** Where the next page begins; undefined after the last. */
      readonly cursor: string | undefined
    }
  /** The store has changed since this election. The leadership is over before it began. */
  | { readonly kind: 'moved' }

/** An unreadable record that was set aside. Firesteel never deletes it. */
export interface Quarantined {
  /** File and offset, or table and id. */
  readonly place: string
  readonly reason: string
}

/**
 * Why a value is unreadable as a record of its table; undefined for a good one. It is injected, because
 * `runtime` knows no actor.
 */
export type RecordSchemas = Readonly<Record<Table, (value: unknown) => string | undefined>>

/**
 * One interface for every recovery mode; `test/conformance/persistence-suite.ts` defines what each must do.
 * Methods throw a FiresteelError only if the store is not ours or cannot be read (CLUSTER_MISMATCH,
 * VERSION_UNSUPPORTED, STORE_UNREADABLE; STORE_UNAVAILABLE on leader, read and quarantined). Everything else
 * is an outcome.
 */
export interface PersistenceEngine {
  /** What a candidate reads (protocol 5.1). */
  leader(): Promise<LeaderRecord | undefined>
  elect(request: ElectRequest): Promise<ElectOutcome>
  /**
   * One page of a table, only while (epoch, owner, write id) are those of this election, so that all pages
   * are one snapshot. Without `writeId` only while the owner leads, beside its own commits: then each record
   * that existed throughout comes at least once.
   */
  read(fence: Fence, writeId: string | undefined, table: Table, cursor: string | undefined): Promise<Page>
  /**
   * For a Master that is about to take over from the owner of this fence: reads these tables, so that it need
   * not check again what is still the same when it reads them as the leader. A hint: it may do nothing.
   */
  readAhead?(fence: Fence, among: readonly Table[]): Promise<void>
  /** A fresh fence check and a sign of life. Without `prev` the write id is not compared. */
  touch(fence: Fence, lock: string, prev?: string): Promise<CommitOutcome>
  commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome>
  /** Records that the owner has left of its own will. Does nothing for any other owner. */
  leave(fence: Fence): Promise<void>
  quarantined(): Promise<readonly Quarantined[]>
  /** Closes files and connections. It does not end the leadership. */
  close(): Promise<void>
}
