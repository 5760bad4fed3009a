import { checksumOf } from '../../../runtime/checksum.js'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { keyOfTimer } from '../master-timer.js'
import type { FreeEffect, GatedEffect, Step } from '../step.js'

/**
 * What one step decided, in words: for each write and effect its kind, its type and whom it is for, and a
 * checksum of all of it. Two steps with the same words decided the same.
 */
export function decisionsOf({ puts, deletes, format, gated, free }: Step): string[] {
  const decisions: string[] = []
  for (const { table, id, value } of puts) decisions.push(`put ${table} ${id} ${sumOf(value)}`)
  for (const { table, id } of deletes) decisions.push(`delete ${table} ${id}`)
  if (format !== undefined) decisions.push(`format ${format}`)
  for (const effect of gated) decisions.push(`${words(effect)} ${sumOf(contentOf(effect))}`)
  for (const effect of free) decisions.push(`${words(effect)} ${sumOf(contentOf(effect))}`)
  return decisions
}

const sumOf = (value: object): string => checksumOf(JSON.stringify(value))

/** Where an answer goes is a matter of the shell. */
function contentOf(effect: GatedEffect | FreeEffect): object {
  return 'reply' in effect ? effect.message : effect
}

function words(effect: GatedEffect | FreeEffect): string {
  switch (effect.kind) {
    case 'tell':
    case 'tellNow':
      return `${effect.kind} ${effect.message.type} to ${effect.to}`
    case 'reply':
    case 'replyNow':
    case 'tellAgent':
      return `${effect.kind} ${effect.message.type}`
    case 'startTimer':
    case 'cancelTimer':
      return `${effect.kind} ${keyOfTimer(effect.timer)}`
    case 'log':
      return `log ${effect.level}: ${effect.text.slice(0, innerLimits.recordingLogChars)}`
    case 'probe':
      return `probe ${effect.workerId}`
    case 'emit':
      return `emit ${effect.event.event}`
    case 'giveTail':
      return `giveTail to ${effect.to}`
    default:
      return effect.kind
  }
}
