import {
  type EndedDriverFacts,
  lastEndingOf,
  type ProcessDeath,
  type ProcessEnding,
  processDeathOf,
} from './death.js'
import type { DriverExit } from './driver-life.js'
import { exitText } from './driver-life-text.js'
import type { EndCause, KillAsked } from './explanation.js'
import { type Explained, NOTHING_TO_DO } from './explanation-text.js'
import type { ApplicationStatus } from './status.js'

/* How a process, a driver or an application ended, as text for people. */

const MEMORY_HELP =
  'Give it more memory (--memory), or make it use less: its heap is a part of that memory, beside buffers and native code.'

/** `how`: code, signal and figures. */
const processTexts: Readonly<Record<ProcessDeath, (how: string) => Explained>> = {
  FINISHED: () => ({ why: 'Its program ended by itself, with exit 0.', helps: NOTHING_TO_DO }),
  EXIT: (how) => ({
    why: `Its program ended by itself, with ${how}.`,
    helps: 'Its output says why: `firesteel logs`.',
  }),
  TOLD_TO_END: (how) => ({
    why: `The cluster told it to end (for a restart, a kill, or the end of its Worker), and it ended with ${how}.`,
    helps: NOTHING_TO_DO,
  }),
  CRASHED: (how) => ({
    why: `It crashed with ${how}: a fault in native code or in Node, or an abort.`,
    helps: 'Its output may say where. Check native add-ons, and the version of Node.',
  }),
  SIGNALLED: (how) => ({
    why: `It was ended by ${how}. Neither the cluster sent it, nor the kernel for lack of memory: a person or another program did.`,
    helps: 'Look for who ends processes on that machine.',
  }),
  KILLER_UNKNOWN: (how) => ({
    why: `It was ended by ${how}. The cluster did not send it, and its Worker cannot read whether the kernel did for lack of memory.`,
    helps: 'The log of the kernel on that machine (dmesg) says whether it ran out of memory.',
  }),
  MEMORY_LIMIT: (how) => ({ why: `Its Worker killed it for its memory: ${how}.`, helps: MEMORY_HELP }),
  MEMORY_HEAP: (how) => ({ why: `It ran out of memory by itself: ${how}.`, helps: MEMORY_HELP }),
  MEMORY_KERNEL: (how) => ({
    why: `The kernel killed it, because the machine or its group had no memory left: ${how}.`,
    helps:
      'Let the Worker offer less memory than its machine has, or make room on the machine. If the driver itself uses too much, give it more or make it smaller.',
  }),
  CUT_SHORT: (how) => ({
    why: `Its Worker ended it (${how}).`,
    helps: 'Look at its output, or give it more: --timeout, or another --healthcheck.',
  }),
  UNSEEN: () => ({ why: 'Nobody saw how its process ended.', helps: 'Its output may say more.' }),
}

const howText = (ending: ProcessEnding): string => exitText(ending as DriverExit)

export const processDeathText = (ending: ProcessEnding): Explained =>
  processTexts[processDeathOf(ending)](howText(ending))

/** Who asked for its end, from where, and whom. */
function askedText(asked: KillAsked | undefined): string {
  if (!asked) return 'on request'
  const { by, host, atMs, epoch } = asked
  const who = by === undefined ? `of somebody on ${host}` : `of ${by}, from ${host},`
  return `on request ${who} at ${new Date(atMs).toISOString()} (epoch ${epoch})`
}

const AGAIN = 'Submit it again if it should run.'
const SUPERVISE = 'Submit it again. With --supervise it would have been started on another Worker.'

type DriverEndCause = Exclude<
  EndCause,
  'UNREGISTERED' | 'DRIVER_ENDED' | 'DRIVER_GONE' | 'DRIVER_RESTARTED' | 'EXECUTORS_FAILED'
>

const driverTexts: Readonly<Record<DriverEndCause, (driver: EndedDriverFacts) => Explained>> = {
  OWN: (driver) => processDeathText(lastEndingOf(driver)),
  GIVEN_UP: (driver) => ({
    why: `It failed too often: ${driver.message}.`,
    helps: `${processDeathText(lastEndingOf(driver)).helps} Then submit it again, or with a larger --max-restarts.`,
  }),
  KILL_ASKED: (driver) => {
    const ending = lastEndingOf(driver)
    const how = processDeathOf(ending) === 'UNSEEN' ? '' : `; its process ended with ${howText(ending)}`
    return { why: `It was killed ${askedText(driver.killAsked)}${how}.`, helps: AGAIN }
  },
  KILLED_BEFORE_START: ({ killAsked }) => ({
    why: `It was killed ${askedText(killAsked)}, before it had a process.`,
    helps: AGAIN,
  }),
  WORKER_LOST: ({ message }) => ({
    why: `The Worker that ran it was lost, and it is not supervised: ${message}.`,
    helps: SUPERVISE,
  }),
  WORKER_STOPPED: ({ message }) => ({
    why: `Its Worker ended it, and it is not supervised: ${message}.`,
    helps: SUPERVISE,
  }),
  NOT_STARTED: ({ message }) => ({
    why: `No Worker could start it: ${message}.`,
    helps:
      'Mend what this names (on each Worker: the program, its folder, the right to run it), and submit it again.',
  }),
  SUBMITTED_AGAIN: ({ message }) => ({
    why: `Another driver took its place: ${message}.`,
    helps: NOTHING_TO_DO,
  }),
}

export function driverDeathText(driver: EndedDriverFacts): Explained {
  const { endCause = 'OWN' } = driver
  return Object.hasOwn(driverTexts, endCause)
    ? driverTexts[endCause as DriverEndCause](driver)
    : driverTexts.OWN(driver)
}

export function applicationDeathText({
  endCause,
  killAsked,
  message,
  tokenEnded,
}: Pick<ApplicationStatus, 'endCause' | 'killAsked' | 'message' | 'tokenEnded'>): Explained {
  switch (endCause) {
    case 'UNREGISTERED':
      return { why: 'Its program closed it.', helps: NOTHING_TO_DO }
    case 'KILL_ASKED':
      return {
        why: `It was killed ${askedText(killAsked)}.`,
        helps: 'Run its program again if it should go on.',
      }
    case 'DRIVER_ENDED':
      return {
        why: `The driver that it belongs to ended: ${message}.`,
        helps: 'See `firesteel explain` of that driver.',
      }
    case 'DRIVER_GONE':
      if (tokenEnded) {
        return {
          why: 'Its program lost its link to the Master and could not come back, because its token was revoked or has ended.',
          helps: 'Make a new token (`firesteel token create`), and run its program again with it.',
        }
      }
      return {
        why: 'Its program did not close it, and had no link to the Master for too long.',
        helps: 'Look whether that program crashed or was cut off. Await close() at its end.',
      }
    case 'DRIVER_RESTARTED':
      return { why: `Its driver was started again and registers anew: ${message}.`, helps: NOTHING_TO_DO }
    case 'EXECUTORS_FAILED':
      return {
        why: `Its executors failed: ${message}.`,
        helps: 'Mend what the message and the logs of its executors say, and run its program again.',
      }
    default:
      return {
        why: message === '' ? 'Nothing is known about its end.' : `It ended: ${message}.`,
        helps: 'Its output may say more.',
      }
  }
}
