import { readFileSync } from 'node:fs'

/** Of this run of the machine; '' where there is no /proc. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
