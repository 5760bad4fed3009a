import { readFileSync } from 'node:fs'
// biome-ignore lint/style/noRestrictedImports: a descriptor that our parent left open, no network
import { Socket } from 'node:net'
import { type ControlPipe, controlPipe } from './control-pipe.js'

/** Descriptor on which a parent passes the boot text or the control pipe. */
export const BOOT_DESCRIPTOR = 3

/**
 * Reads the text that our parent wrote at our start, credentials included, to the end. Blocks until the
 * parent has closed its side, which it does at once. Throws EBADF if there is no such pipe.
 */
export function readBootText(descriptor: number = BOOT_DESCRIPTOR): string {
  return readFileSync(descriptor, 'utf8')
}

/** Our side of a control pipe. A file stream would block a pool thread in read() and delay the exit. */
export function openInheritedControl(descriptor: number = BOOT_DESCRIPTOR): ControlPipe {
  return controlPipe(new Socket({ fd: descriptor, readable: true, writable: true }))
}
