import type { DriverExit } from './driver-life.js'

/* The ends of a driver's processes as text for people. */

/** `exit 3`, `SIGKILL`, or the figures of the memory that it ran out of. */
export function exitText({ code, signal, outOfMemory }: DriverExit): string {
  const how = signal ?? `exit ${code ?? 'unknown'}`
  if (!outOfMemory) return how
  const { by, usedMib, limitMib } = outOfMemory
  if (by === 'limit') return `${how}, out of memory: it used ${usedMib ?? '?'} MiB of ${limitMib} MiB`
  const full = usedMib === undefined ? '' : ` at ${usedMib} MiB`
  return `${how}, out of memory: the heap of Node was full${full}, of the ${limitMib} MiB that it was given`
}

export const exitedText = (exit: DriverExit): string =>
  `generation ${exit.generation}, attempt ${exit.attempt} ended: ${exitText(exit)}`
