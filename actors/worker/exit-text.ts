import { memoryTexts } from '../../runtime/pages/words.js'
import { exitStatus } from '../../runtime/process/exit-status.js'
import { BY_WHOM, killedByKernel } from '../messages/driver-life-text.js'
import type { OverMemory, ProcessEnd } from './worker-events.js'

/** One number for both kinds of end. */
export const exitStatusOf = ({ exitCode, signal }: ProcessEnd): number | undefined =>
  exitStatus(exitCode, signal)

/** How a process ended, in Spark's words where it has them. */
export function exitText(end: ProcessEnd): string {
  const { overMemory } = end
  if (overMemory) return outOfMemoryText(overMemory)
  if (end.message !== undefined) return end.message
  const unknown = end.isKillerUnknown ? BY_WHOM : ''
  if (end.signal !== null) return `Command ended by signal ${end.signal}${unknown}`
  return `Command exited with code ${end.exitCode ?? 'unknown'}`
}

function outOfMemoryText({ by, usedMib, limitMib }: OverMemory): string {
  if (by === 'kernel') return capitalized(killedByKernel({ usedMib, limitMib }))
  const [used, limit] = memoryTexts(usedMib ?? limitMib, limitMib)
  if (by !== 'heap')
    return `Killed: it used ${usedMib === undefined ? 'more than' : `${used} of`} the ${limit} it was given`
  const full = usedMib === undefined ? '' : ` at ${used}`
  return `Out of memory: the heap of Node was full${full}; the process was given ${limit}`
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
