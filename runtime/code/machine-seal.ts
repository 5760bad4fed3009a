import { createHash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { bootId } from '../process/boot-id.js'

/**
 * Where a process sees files. Two processes with the same `machine` run on one kernel and see the same files
 * at the same paths, so code need not travel between them.
 */
export interface MachineSeal {
  readonly machine: string
  readonly uid: number
}

const read = (get: () => string): string => {
  try {
    return get()
  } catch {
    return ''
  }
}

let seal: MachineSeal | undefined

/** Costs two small reads of /proc, once. */
export function machineSeal(): MachineSeal {
  if (seal) return seal
  const boot = bootId()
  // A container has mounts of its own.
  const mounts = read(() => readlinkSync('/proc/self/ns/mnt'))
  const root = read(() => readlinkSync('/proc/self/root'))
  const text = boot && mounts ? `${boot} ${mounts} ${root}` : `${hostname()} ${process.platform}`
  seal = { machine: createHash('sha256').update(text).digest('hex'), uid: process.getuid?.() ?? -1 }
  return seal
}

/** Of the processes that read code here: they may run as another user than this one. */
export const readerSeal = (reader: { readonly uid: number } | undefined): MachineSeal =>
  reader === undefined ? machineSeal() : { ...machineSeal(), uid: reader.uid }

/** True: a process with the seal `reader` sees, and may read, what one with the seal `owner` reads. */
export const seesTheSame = (reader: MachineSeal, owner: MachineSeal): boolean =>
  reader.machine === owner.machine && (reader.uid === owner.uid || reader.uid === 0)
