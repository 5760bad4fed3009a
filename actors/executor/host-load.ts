import { freemem, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { innerLimits } from '../../runtime/inner-limits.js'

export interface HostNeeds {
  /** The load of the last minute, as `uptime` shows it, must be below this. */
  readonly maxLoad?: number | undefined
  readonly minFreeBytes?: number | undefined
}

export interface HostState {
  readonly load: number
  readonly freeBytes: number
}

const hostState = (): HostState => ({ load: loadavg()[0] ?? 0, freeBytes: freemem() })

export const isEnough = ({ maxLoad, minFreeBytes }: HostNeeds, { load, freeBytes }: HostState): boolean =>
  (maxLoad === undefined || load < maxLoad) && (minFreeBytes === undefined || freeBytes >= minFreeBytes)

/** Waits until this host has what a command needs. Rejects when the signal is aborted. */
export async function untilEnough(
  needs: HostNeeds,
  signal: AbortSignal,
  state: () => HostState = hostState,
): Promise<void> {
  while (!isEnough(needs, state())) await delay(innerLimits.hostLoadLookMs, undefined, { signal })
}
