import { counted, durationText } from '../../runtime/pages/words.js'
import type { Condition, Wait, WaitCause } from './explanation.js'
import { wantsText } from './launch-failure-text.js'
import { deadText, inText, missingEverywhere } from './worker-fit-text.js'

/* Why something waits, as text for people: the reason, and what would help. */

/** Both are whole sentences. */
export interface Explained {
  readonly why: string
  readonly helps: string
}

export const NOTHING_TO_DO = 'You need not do anything.'

/** The words that the texts of one wait share. */
interface Words {
  readonly wait: Wait
  /** `1 core, 128 MiB` */
  readonly what: string
  /** `Worker`, or `Worker with zone=a` */
  readonly workers: string
  /** The Worker that it waits for. */
  readonly on: string
  /** When it ends by itself. */
  readonly until: string
}

type Texts<C extends WaitCause> = Readonly<Record<C, (words: Words) => Explained>>

/** It waits for something on the Worker that has it. */
type OnWorker =
  | 'STARTING'
  | 'RESTING'
  | 'HELD'
  | 'ENDING'
  | 'BEING_RESTARTED'
  | 'WORKER_UNREACHABLE'
  | 'WORKER_NOT_REPORTED'

const beforeLaunch: Texts<Exclude<WaitCause, OnWorker>> = {
  RECOVERING: () => ({
    why: 'The Master has just been elected, and asks all Workers and applications what they run. Until they have answered it launches nothing.',
    helps: `${NOTHING_TO_DO} This takes about a second.`,
  }),
  FORMER_MAY_LIVE: ({ wait, on, until }) => ({
    why: `Its last process may still run on ${wait.workerId === undefined ? 'the Worker that it was on' : on}, which is lost. It is started elsewhere ${until}, so that it never runs twice.`,
    helps: NOTHING_TO_DO,
  }),
  PLACED_NEXT: ({ what }) => ({
    why: `A Worker has ${what} free. It is launched next.`,
    helps: NOTHING_TO_DO,
  }),
  LAUNCHES_FAILED: () => ({
    why: 'Every Worker with room for it failed to start it, and is not tried for a while.',
    helps: 'Mend what the Workers below say. They are tried again by themselves.',
  }),
  ALL_EXCLUDED: () => ({
    why: 'Launches of it have failed several times in a row on every Worker that is large enough. They are tried again more and more seldom.',
    helps:
      'Mend what the Workers below say: mostly the same program, path or folder is missing on all of them.',
  }),
  NO_ROOM: ({ wait, what, workers }) => ({
    why: `No ${workers} has ${what} free now.`,
    helps: roomHelp(wait),
  }),
  NOT_REPORTED: ({ workers }) => ({
    why: `No ${workers} that is large enough has told this Master yet what it runs.`,
    helps: `${NOTHING_TO_DO} If this lasts for more than some seconds, look at the log of that Worker.`,
  }),
  UNREACHABLE: ({ workers }) => ({
    why: `No ${workers} that is large enough has a link to this Master.`,
    helps: 'Check that these Workers run, and the network between them and the Master.',
  }),
  ALL_DRAINING: ({ workers }) => ({
    why: `Each ${workers} that is large enough is drained, and takes no more work.`,
    helps: 'Start another Worker, or let one take work again: `firesteel undrain`.',
  }),
  LEAVING: ({ workers }) => ({
    why: `Each ${workers} that is large enough is being stopped or drained, and takes no more work.`,
    helps: 'Start another Worker, or start these again.',
  }),
  TOO_LARGE: ({ wait, what, workers }) => {
    const missing = missingEverywhere(wait, 'TOO_SMALL').join(' and ')
    const none = missing === '' ? '' : `: none has enough ${missing}`
    return {
      why: `No ${workers} is as large as ${what}, even if it were empty${none}. It would wait for ever.`,
      helps: `Ask for less, or start a Worker that has ${missing === '' ? 'as much' : `enough ${missing}`}.`,
    }
  },
  NO_LABEL: ({ workers }) => ({
    why: `There is no ${workers}.`,
    helps: 'Start a Worker with these labels, or correct what `on` asks for.',
  }),
  NO_WORKER: () => ({
    why: 'No Worker is alive.',
    helps:
      'Start one, such as `firesteel worker firesteel://HOST:PORT`, and check the Masters that it names.',
  }),
  NOT_LINKED: () => ({
    why: 'Its program has no link to this Master, so it is given no executors.',
    helps: 'Check that its program still runs and reaches the Master. It is ended if it does not come back.',
  }),
  ASKS_NONE: () => ({
    why: 'It asks for no executors: it has no tasks that wait, or its program wants none.',
    helps:
      'It asks as soon as it has tasks. If its program set `executors` to 0: app.requestExecutors(total).',
  }),
  CORES_LIMIT: ({ what }) => ({
    why: `It may have fewer cores in all than one executor needs (${what}).`,
    helps: 'Raise its limit of cores (maxCores, scheduling.defaultCores), or ask for smaller executors.',
  }),
}

const onWorker: Texts<OnWorker> = {
  STARTING: ({ wait }) => ({
    why: `It is being started${wait.workerId === undefined ? '' : ` on ${wait.workerId}`}.`,
    helps: `${NOTHING_TO_DO} If this lasts, look at its output with \`firesteel logs\`.`,
  }),
  RESTING: ({ on, until }) => ({
    why: `Its process ended, and ${on} starts it again ${until}.`,
    helps:
      'Mend what ended its last process; `firesteel logs` has its output. `firesteel restart` starts it at once.',
  }),
  HELD: ({ on }) => ({
    why: `An earlier process of it is still ending on ${on}.`,
    helps: `${NOTHING_TO_DO} It starts as soon as that process is gone.`,
  }),
  ENDING: ({ on }) => ({
    why: `It was told to end, and its process on ${on} still runs.`,
    helps: `${NOTHING_TO_DO} It gets SIGKILL if SIGTERM does not end it.`,
  }),
  BEING_RESTARTED: ({ on }) => ({
    why: `It is restarted: its process on ${on} was told to end, and the next one starts after it.`,
    helps: `${NOTHING_TO_DO} It gets SIGKILL if SIGTERM does not end it.`,
  }),
  WORKER_UNREACHABLE: ({ on, until }) => ({
    why: `${on} has no link to this Master. The driver most likely goes on there.`,
    helps: `Check that Worker and its network. It counts as dead ${until}; then a supervised driver is started elsewhere.`,
  }),
  WORKER_NOT_REPORTED: ({ on }) => ({
    why: `${on} has not told this Master yet whether it still runs there.`,
    helps: `${NOTHING_TO_DO} If this lasts for more than some seconds, check that Worker.`,
  }),
}

const texts: Texts<WaitCause> = { ...beforeLaunch, ...onWorker }

/** `nowMs`: wall clock of the reader, for how long it will last. */
export function waitText(wait: Wait, nowMs: number): Explained {
  const wants = wait.wants ? wantsText(wait.wants) : { what: 'it', workers: 'Worker' }
  const on = wait.workerId ?? 'its Worker'
  const until = wait.untilMs === undefined ? 'soon' : inText(wait.untilMs, nowMs)
  return texts[wait.cause]({ wait, ...wants, on, until })
}

function roomHelp(wait: Wait): string {
  const { ahead = 0 } = wait
  const scarce = missingEverywhere(wait, 'NO_ROOM')
  const free = scarce.length > 0 ? ` More ${scarce.join(' and ')} would do.` : ''
  const queue =
    ahead > 0
      ? ` ${counted(ahead, 'older driver wants', 'older drivers want')} the same; the oldest goes first.`
      : ''
  return `It starts as soon as something else ends there, or another Worker comes.${free}${queue}`
}

/** What a Worker is good for now. */
export function conditionText(condition: Condition, nowMs: number): Explained {
  const heard = `heard last ${durationText(nowMs - condition.heardAtMs)} ago`
  switch (condition.condition) {
    case 'USABLE':
      return { why: `It is alive (${heard}) and has capacity left.`, helps: NOTHING_TO_DO }
    case 'FULL':
      return {
        why: `It is alive (${heard}), and all its cores or memory are in use.`,
        helps: 'What waits needs another Worker, or the end of something that runs here.',
      }
    case 'NOT_REPORTED':
      return {
        why: 'It has yet to tell this Master what it runs, so it is given nothing.',
        helps: `${NOTHING_TO_DO} If this lasts for more than some seconds, look at its log.`,
      }
    case 'UNREACHABLE':
      return {
        why: `It has no link to this Master (${heard}), so it is given nothing${deadText(condition.deadAtMs, nowMs)}.`,
        helps: 'Check that its process runs, and the network between it and the Master.',
      }
    case 'STOPPING':
      return { why: 'It is being stopped and takes no more work.', helps: 'Start it again to use it.' }
    case 'DRAINING':
      return {
        why: 'It is drained and takes no more work.',
        helps: 'Let it take work again with `firesteel undrain`, also after it was started again.',
      }
    case 'DEAD':
      return {
        why: `It was declared dead${condition.reason === undefined ? '' : `: ${condition.reason}`}.`,
        helps:
          'Start it again. It registers as a new Worker, and a Worker that was only cut off comes back by itself.',
      }
  }
}
