import { fstatSync } from 'node:fs'
import { readBootText } from '../../runtime/process/inherited-pipe.js'
import { bootDescriptor, type DriverBoot } from './boot.js'

let read: { readonly boot: DriverBoot | undefined } | undefined

/**
 * What `submit` or `run` gave this process on descriptor 3; undefined where it was started otherwise. Read once per
 * process: the pipe holds it only once.
 */
export function driverBoot(env: NodeJS.ProcessEnv = process.env): DriverBoot | undefined {
  // Without the variable nobody of ours started this process, and descriptor 3 is none of our business.
  if (!env.FIRESTEEL_MASTER) return undefined
  read ??= { boot: readBoot() }
  return read.boot
}

function readBoot(): DriverBoot | undefined {
  // Descriptor 3 of a forked process may be its channel to its parent.
  if (process.channel) return undefined
  try {
    if (!fstatSync(bootDescriptor).isSocket()) return undefined
    return parseBoot(readBootText(bootDescriptor))
  } catch {
    // No such descriptor, or one that belongs to somebody else.
    return undefined
  }
}

/** Undefined for what is not a boot line. */
export function parseBoot(text: string): DriverBoot | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { cluster, masters, role, key, subject } = value as Partial<DriverBoot>
  const isBoot =
    typeof cluster === 'string' &&
    Array.isArray(masters) &&
    masters.every((master) => typeof master === 'string') &&
    (role === 'client' || (role === 'driver' && typeof subject === 'string')) &&
    typeof key === 'string'
  return isBoot ? (value as DriverBoot) : undefined
}
