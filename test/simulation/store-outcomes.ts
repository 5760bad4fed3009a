import type {
  Deposed,
  Elected,
  Fence,
  LeaderRecord,
  Refused,
  Rewound,
  Table,
} from '../../runtime/persistence/engine.js'
import { StoreRows } from './store-rows.js'

/** The leader record of a store that never had one: the reply of HMGET for a missing key. */
export const nobody: LeaderRecord = {
  epoch: 0,
  owner: '',
  address: '',
  lock: '',
  position: { epoch: 0, seq: 0 },
  writeId: '',
  base: { epoch: 0, seq: 0 },
  touchedMs: 0,
  left: false,
  ownerGone: false,
}

export const noRows: Readonly<Record<Table, StoreRows>> = {
  worker: StoreRows.empty(),
  app: StoreRows.empty(),
  driver: StoreRows.empty(),
  ended: StoreRows.empty(),
  key: StoreRows.empty(),
  drain: StoreRows.empty(),
  deployment: StoreRows.empty(),
  token: StoreRows.empty(),
}

export const noMemory: Refused = {
  kind: 'refused',
  code: 'STORE_FULL',
  reason: "OOM command not allowed when used memory > 'maxmemory'.",
}

export const notWritable: Refused = {
  kind: 'refused',
  code: 'STORE_UNAVAILABLE',
  reason: "READONLY You can't write against a read only replica.",
}

export const isSame = (a: Fence, b: Fence): boolean => a.epoch === b.epoch && a.owner === b.owner

export const deposed = ({ epoch, owner }: LeaderRecord): Deposed => ({ kind: 'deposed', epoch, owner })

export const rewound = ({ position, writeId }: LeaderRecord): Rewound => ({
  kind: 'rewound',
  position,
  writeId,
})

export const elected = ({ epoch, owner, base, writeId }: LeaderRecord): Elected => ({
  kind: 'elected',
  epoch,
  owner,
  base,
  writeId,
})
