import { fstatSync } from 'node:fs'
import { readBootText } from '../../runtime/process/inherited-pipe.js'
import { readTold } from '../../runtime/tls/tls-told.js'
import { bootDescriptor, type DriverBoot } from './boot.js'

let read: { readonly boot: DriverBoot | undefined } | undefined

/**
 * The boot line that `submit` or `run` gave this process on descriptor 3; undefined if it was started
 * otherwise. It is read once per process, because the pipe holds it only once.
 */
export function driverBoot(env: NodeJS.ProcessEnv = process.env): DriverBoot | undefined {
  // Without the variable Firesteel did not start this process, and descriptor 3 may be anything.
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
    // There is no such descriptor, or it belongs to other code.
    return undefined
  }
}

/** Undefined: the text is not a boot line. */
export function parseBoot(text: string): DriverBoot | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { cluster, masters, role, key, subject, tls } = value as Partial<DriverBoot>
  const isBoot =
    typeof cluster === 'string' &&
    Array.isArray(masters) &&
    masters.every((master) => typeof master === 'string') &&
    (role === 'client' || (role === 'driver' && typeof subject === 'string')) &&
    typeof key === 'string' &&
    (tls === undefined || readTold(tls) !== undefined)
  return isBoot ? (value as DriverBoot) : undefined
}
