import { readFileSync } from 'node:fs'
// biome-ignore lint/style/noRestrictedImports: a descriptor that our parent left open, no network
import { Socket } from 'node:net'
import { type ControlPipe, controlPipe } from './control-pipe.js'

/** Where a parent puts the boot text or the control pipe. */
export const BOOT_DESCRIPTOR = 3

/**
 * What our parent wrote for us at start, credentials among it; read once, to the end. Blocks until the parent has
 * closed its end, which it does at once. Throws EBADF when there is no such pipe.
 */
export function readBootText(descriptor: number = BOOT_DESCRIPTOR): string {
  return readFileSync(descriptor, 'utf8')
}

/** Our end of a control pipe. A file stream would park a pool thread in read() and hang the exit. */
export function openInheritedControl(descriptor: number = BOOT_DESCRIPTOR): ControlPipe {
  return controlPipe(new Socket({ fd: descriptor, readable: true, writable: true }))
}
