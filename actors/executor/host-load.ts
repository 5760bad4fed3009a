import { availableParallelism, freemem, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { innerLimits } from '../../runtime/inner-limits.js'
import { MIB_BYTES } from '../../runtime/units.js'

export interface HostNeeds {
  /** The load of the last minute, as `uptime` shows it, must be below this. */
  readonly maxLoad?: number | undefined
  /** The same, in percents of the cores. */
  readonly maxLoadPercent?: number | undefined
  readonly minFreeBytes?: number | undefined
}

export interface HostState {
  readonly load: number
  readonly cores: number
  readonly freeBytes: number
}

const hostState = (): HostState => ({
  load: loadavg()[0] ?? 0,
  cores: availableParallelism(),
  freeBytes: freemem(),
})

/** Why a command must wait; undefined: it need not. */
export function lacking(needs: HostNeeds, { load, cores, freeBytes }: HostState): string | undefined {
  const { maxLoad, maxLoadPercent, minFreeBytes } = needs
  const most = maxLoad ?? (maxLoadPercent === undefined ? undefined : (maxLoadPercent * cores) / 100)
  if (most !== undefined && load >= most)
    return `commands wait until its load is below ${most}; it is ${load.toFixed(1)}`
  if (minFreeBytes === undefined || freeBytes >= minFreeBytes) return undefined
  const [free, least] = [freeBytes, minFreeBytes].map((bytes) => Math.floor(bytes / MIB_BYTES))
  return `commands wait until ${least} MiB of its memory are free; ${free} MiB are`
}

export interface WaitParts {
  readonly signal: AbortSignal
  /** Told again and again with the reason, if it takes long. */
  readonly onWait: (reason: string) => void
  readonly state?: () => HostState
}

/** Waits until this host has what a command needs. Rejects when the signal is aborted. */
export async function untilEnough(
  needs: HostNeeds,
  { signal, onWait, state = hostState }: WaitParts,
): Promise<void> {
  const { maxLoad, maxLoadPercent, minFreeBytes } = needs
  if (maxLoad === undefined && maxLoadPercent === undefined && minFreeBytes === undefined) return
  for (let waitedMs = 0; ; waitedMs += innerLimits.hostLoadLookMs) {
    const reason = lacking(needs, state())
    if (reason === undefined) return
    if (waitedMs >= innerLimits.hostWaitSilentMs) onWait(reason)
    await delay(innerLimits.hostLoadLookMs, undefined, { signal })
  }
}
