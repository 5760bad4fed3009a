import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { TaskSummary, TasksSummarized } from '../messages/task-summary.js'
import type { ClusterState } from './cluster-state.js'
import type { Now } from './step.js'

/*
 * What drivers say of their tasks, for pages: the newest counts, and how they came about. A Master decides
 * nothing by it and writes none of it, so its core does not know it. It belongs to one leadership.
 */

/** What happened in a while. */
export interface TaskMoment {
  readonly fromMs: number
  readonly toMs: number
  readonly ended: number
  readonly retries: number
}

export interface TaskStream {
  readonly summary: TaskSummary
  readonly heardAtMs: number
  /** The first summary of this leadership. What ended before is in no moment. */
  readonly sinceMs: number
  /** Oldest first. */
  readonly moments: readonly TaskMoment[]
}

const endedOf = ({ done, failed, cancelled }: TaskSummary): number => done + failed + cancelled
export const retriesOf = ({ retries }: Pick<TaskSummary, 'retries'>): number =>
  Object.values(retries).reduce((sum, count) => sum + count, 0)

/** What is shorter becomes a part of the moment before, until that is so long. */
const LEAST_MS = limits.summaryEveryMs / 2
const LONGEST_MS = limits.summaryEveryMs * 2
const MOMENTS = innerLimits.taskMoments

/**
 * Bounded whatever drivers say and however often: so many applications, those that were heard last, and so
 * many moments of each.
 */
export class TaskStreams {
  readonly #streams = new Map<string, TaskStream>()

  get size(): number {
    return this.#streams.size
  }

  /** Only an application itself, which is registered, speaks of its tasks. */
  hear(
    cluster: ClusterState | undefined,
    from: string | undefined,
    message: TasksSummarized,
    now: Now,
  ): void {
    const app = cluster?.apps.get(message.appId)
    if (app !== undefined && app.record.endpoint === from) this.add(message, now)
  }

  add({ type: _, appId, ...summary }: TasksSummarized, { wallMs }: Pick<Now, 'wallMs'>): void {
    const known = this.#streams.get(appId)
    // The one that was heard last is the last in the order.
    this.#streams.delete(appId)
    this.#streams.set(appId, {
      summary,
      heardAtMs: wallMs,
      sinceMs: known?.sinceMs ?? wallMs,
      moments: known ? momentsOf(known, summary, wallMs) : [],
    })
    if (this.#streams.size <= limits.summaryApplications) return
    const [oldest] = this.#streams.keys()
    this.#streams.delete(oldest as string)
  }

  /** It never changes once it is given; undefined: nothing was heard of this application. */
  of(appId: string): TaskStream | undefined {
    return this.#streams.get(appId)
  }
}

function momentsOf({ summary: before, moments }: TaskStream, now: TaskSummary, wallMs: number): TaskMoment[] {
  // A count that fell is a lie or a mistake, and nothing can be said of that time.
  const ended = Math.max(0, endedOf(now) - endedOf(before))
  const retries = Math.max(0, retriesOf(now) - retriesOf(before))
  const last = moments.at(-1)
  // The wall clock may be set back.
  const toMs = Math.max(wallMs, (last?.toMs ?? 0) + 1)
  const fromMs = Math.max(last?.toMs ?? 0, toMs - now.overMs)
  const moment = { fromMs, toMs, ended, retries }
  if (last && toMs - fromMs < LEAST_MS && toMs - last.fromMs <= LONGEST_MS)
    return [...moments.slice(0, -1), joined(last, moment)]
  if (moments.length < MOMENTS) return [...moments, moment]
  const halves = moments.flatMap((first, at) => {
    const second = moments[at + 1]
    return at % 2 === 1 ? [] : second ? [joined(first, second)] : [first]
  })
  return [...halves, moment]
}

const joined = (first: TaskMoment, second: TaskMoment): TaskMoment => ({
  fromMs: first.fromMs,
  toMs: second.toMs,
  ended: first.ended + second.ended,
  retries: first.retries + second.retries,
})
