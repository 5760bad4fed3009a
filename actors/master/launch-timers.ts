import type { Books } from './books.js'
import type { Step } from './step.js'

/* The timers behind launch failures: one for each application or driver and Worker that is left alone for a while. */

/** `SUBJECT/WORKER`. */
export const launchTimer = (subject: string, workerId: string): string => `launch:${subject}/${workerId}`

/** It has ended. */
export function forgetFailuresOf(books: Books, step: Step, subject: string): void {
  for (const workerId of books.launchFailures.forgetSubject(subject))
    step.cancelTimer(launchTimer(subject, workerId))
}

/** The Worker is gone: its successor is another one, and nothing has failed there. */
export function forgetFailuresOn(books: Books, step: Step, workerId: string): void {
  for (const subject of books.launchFailures.forgetWorker(workerId))
    step.cancelTimer(launchTimer(subject, workerId))
}

/** A back-off or an exclusion is over. */
export function launchDue(books: Books, step: Step, key: string): void {
  const cut = key.indexOf('/')
  const [subject, workerId] = [key.slice(0, cut), key.slice(cut + 1)]
  const nextMs = books.launchFailures.due(subject, workerId, step.now.monotonicMs)
  if (nextMs !== undefined) step.startTimer(launchTimer(subject, workerId), nextMs)
  books.dirty = true
}
