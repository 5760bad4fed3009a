import { memoryText, memoryTexts } from '../../runtime/pages/words.js'
import type { DriverExit, OutOfMemory } from './driver-life.js'

/* The ends of a driver's processes as text for people. */

/** After SIGKILL, where nobody can say whether the kernel did it. */
export const BY_WHOM = ', by whom is not known'

/** It used so much at the last look, which may be a second before its end. */
export function killedByKernel({ usedMib, limitMib }: Pick<OutOfMemory, 'usedMib' | 'limitMib'>): string {
  const [usedText, limit] = memoryTexts(usedMib ?? limitMib, limitMib)
  const used = usedMib === undefined ? 'it' : `it used ${usedText} at the last look, and`
  return `killed by the kernel, out of memory: ${used} was given ${limit}`
}

/** `exit 3`, `SIGKILL`, or the figures of the memory that it ran out of. */
export function exitText({ code, signal, outOfMemory, killerUnknown, cut }: DriverExit): string {
  if (cut !== undefined) return `${signal ?? `exit ${code ?? 'unknown'}`}: ${cut}`
  const how = signal ?? `exit ${code ?? 'unknown'}`
  if (!outOfMemory) return killerUnknown ? `${how}${BY_WHOM}` : how
  const { by, usedMib, limitMib } = outOfMemory
  if (by === 'kernel') return `${how}, ${killedByKernel(outOfMemory)}`
  if (by === 'limit') return `${how}, out of memory: ${usedOfText(usedMib, limitMib)}`
  const full = usedMib === undefined ? '' : ` at ${memoryText(usedMib)}`
  return `${how}, out of memory: the heap of Node was full${full}, of the ${memoryText(limitMib)} that it was given`
}

function usedOfText(usedMib: number | undefined, limitMib: number): string {
  if (usedMib === undefined) return `it used more than ${memoryText(limitMib)}`
  const [used, limit] = memoryTexts(usedMib, limitMib)
  return `it used ${used} of ${limit}`
}

export const exitedText = (exit: DriverExit): string =>
  `generation ${exit.generation}, attempt ${exit.attempt} ended: ${exitText(exit)}`
