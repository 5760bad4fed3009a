import { signalNumber } from '../../../process/exit-status.js'
import { type ByteText, bytesOf } from './arguments.js'
import type { CommandEnd } from './report.js'

/* The log of commands that have ended, with GNU parallel's columns. Pure. */

export const joblogHeader = 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n'

/** A command that was ended by its time has the exit value -1. So has one that never ran. */
const NEVER = -1
const SECONDS_WIDTH = 10

export function joblogLine(end: CommandEnd): Buffer {
  const { number, host, startedAtMs, ms, stdout, sent, code, signal, error, timedOut, command } = end
  const started = error === null && !timedOut
  const fields = [
    number,
    host ?? ':',
    ((startedAtMs ?? 0) / 1000).toFixed(3),
    (ms / 1000).toFixed(3).padStart(SECONDS_WIDTH),
    0,
    stdout.length + sent[0],
    started ? (code ?? 0) : NEVER,
    signal === null ? 0 : (signalNumber(signal) ?? 0),
  ]
  return Buffer.concat([Buffer.from(`${fields.join('\t')}\t`), bytesOf(oneLine(command)), Buffer.from('\n')])
}

/** As GNU parallel does: else a command of several lines would be several lines of the log. */
const oneLine = (command: ByteText): ByteText => command.replaceAll('\n', '\0')

export type Resume = 'done' | 'failed'

/**
 * The numbers of commands that need not run again. `done`: all of the log. `failed`: those of the log whose
 * last run has not failed. Lines that are no entries do not count.
 */
export function finishedIn(log: string, resume: Resume): ReadonlySet<number> {
  const finished = new Set<number>()
  for (const line of log.split('\n')) {
    const fields = line.split('\t')
    const number = Number(fields[0])
    if (fields.length < 9 || !(number > 0)) continue
    if (resume === 'done' || (fields[6] === '0' && fields[7] === '0')) finished.add(number)
    else finished.delete(number)
  }
  return finished
}
