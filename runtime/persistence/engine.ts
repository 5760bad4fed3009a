/**
 * What a Master keeps and how it is fenced: protocol 2 and 3, for every recovery mode.
 * An engine stores JSON text it does not understand; it compares before it writes and never guesses.
 */
import type { ErrorName } from '../errors.js'

export const tables = ['worker', 'app', 'driver', 'ended', 'key'] as const
export type Table = (typeof tables)[number]

/** Where a history stands. Epoch first, then seq; seq counts commits and never restarts. */
export interface Position {
  readonly epoch: number
  readonly seq: number
}

export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.seq - b.seq
}

/** And whose it is: after a fall of the store, two leaderships may have had one epoch. */
export interface OwnedPosition extends Position {
  readonly owner: string
}

/** The token of a leadership (protocol S1). */
export interface Fence {
  readonly epoch: number
  readonly owner: string
}

/** An absolute value: written twice it is harmless. `json` is one JSON object, `at` included. */
export interface Put {
  readonly table: Table
  readonly id: string
  readonly json: string
}

export interface Delete {
  readonly table: Table
  readonly id: string
}

/** An election of the past, and where it found the store. */
export interface PastElection extends Fence {
  readonly base: Position
}

/** The leader record (protocol 2). Reading it commits to nothing. */
export interface LeaderRecord extends Fence {
  readonly address: string
  /** Redlock's value; meaningless where there is no lock. */
  readonly lock: string
  /** The position stored now, and the write id of its write. */
  readonly position: Position
  readonly writeId: string
  /** What the leader found when it was elected. */
  readonly base: Position
  /** As given to elect; engines for one Master keep none. */
  readonly earlier?: readonly PastElection[]
  /** As given to elect: what its leader speaks (`1-2`). Who speaks none of it could not be understood, and does not stand. */
  readonly protocols?: string
  /** Time of the last touch by the store's clock: compare it with itself only. */
  readonly touchedMs: number
  readonly left: boolean
  /** The owner's process is proved gone. Only FILESYSTEM can tell; false means unknown. */
  readonly ownerGone: boolean
}

export interface ElectRequest {
  /** What the candidate read before it asked for the lock; undefined: there was no leader record. */
  readonly seen: Fence | undefined
  /** The candidate's incarnation. */
  readonly me: string
  readonly address: string
  readonly lock: string
  /** Highest epoch heard of from Masters and Workers; 0 for none. */
  readonly observedEpoch: number
  /** The elections before, oldest first, that of `seen` included: kept in the record, not understood. */
  readonly earlier?: readonly PastElection[]
  /** What the candidate speaks: kept in the record, not understood. */
  readonly protocols?: string
  /** Fresh and random: the first link of this leadership's chain of marks. */
  readonly writeId: string
}

/** The store's trouble, as clients hear it. */
export type StoreDegradation = Extract<ErrorName, 'STORE_FULL' | 'STORE_UNAVAILABLE'>

/** Not applied, and known not to be: keep it and try again. */
export interface Refused {
  readonly kind: 'refused'
  readonly code: StoreDegradation
  readonly reason: string
}
/** Applied or not, perhaps later still (time-out, broken link): send the same again. */
export interface Unknown {
  readonly kind: 'unknown'
  readonly reason: string
}
/** Another owner leads. `owner` is empty while a taker has not written its name yet. */
export interface Deposed extends Fence {
  readonly kind: 'deposed'
}
/** The store holds another history than the one this leader wrote. */
export interface Rewound {
  readonly kind: 'rewound'
  readonly position: Position
  readonly writeId: string
}
/** The store can no longer promise durability: the leadership ends, nothing is tried again. */
export interface Failed {
  readonly kind: 'failed'
  readonly reason: string
}

export interface Elected extends Fence {
  readonly kind: 'elected'
  readonly base: Position
  readonly writeId: string
}
/** Another candidate was first; owner is empty while there is none or it has no name yet. */
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
  /** The seq this commit gives the store. */
  readonly n: number
  /** Write id of the write before it. */
  readonly prev: string
  /** Its own write id, fresh and random; the same when it is sent again. */
  readonly writeId: string
  /** No (table, id) twice. */
  readonly puts: readonly Put[]
  readonly deletes: readonly Delete[]
}

export type Page =
  | {
      readonly kind: 'page'
      readonly records: readonly (readonly [id: string, value: unknown])[]
      /** Where the next page begins; undefined after the last. */
      readonly cursor: string | undefined
    }
  /** The store no longer stands where my elect left it: this leadership is over before it began. */
  | { readonly kind: 'moved' }

/** Something unreadable, set aside; never deleted by us. */
export interface Quarantined {
  /** File and offset, or table and id. */
  readonly place: string
  readonly reason: string
}

/**
 * Why a value is unreadable as a record of its table; undefined when it is a good one. Injected at composition:
 * runtime knows no protagonist.
 */
export type RecordSchemas = Readonly<Record<Table, (value: unknown) => string | undefined>>

/**
 * One interface for every recovery mode; `test/conformance/persistence-suite.ts` is its law. Methods throw
 * FiresteelError only where the store is not ours or cannot be read (CLUSTER_MISMATCH, VERSION_UNSUPPORTED,
 * STORE_UNREADABLE, STORE_UNAVAILABLE on leader, read and quarantined); all else is an outcome.
 */
export interface PersistenceEngine {
  /** Protocol 5.1: what a candidate reads. */
  leader(): Promise<LeaderRecord | undefined>
  elect(request: ElectRequest): Promise<ElectOutcome>
  /**
   * One page of a table, only while (epoch, owner, write id) are those of my elect: all pages are one snapshot. Without
   * `mark` only while the owner leads, beside its own commits: each record that stood throughout comes at least once.
   */
  read(fence: Fence, writeId: string | undefined, table: Table, cursor: string | undefined): Promise<Page>
  /** A fresh fence check and a sign of life; without `prev` the write id is not compared. */
  touch(fence: Fence, lock: string, prev?: string): Promise<CommitOutcome>
  commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome>
  /** Says that the owner has gone of its own will. Does nothing for anybody else. */
  leave(fence: Fence): Promise<void>
  quarantined(): Promise<readonly Quarantined[]>
  /** Lets go of files and connections; gives up no leadership. */
  close(): Promise<void>
}
