import { type Cause, causeOf } from '../../runtime/system/envelope.js'
import { writesByCause } from './committed.js'
import type { MasterInput } from './master-input.js'
import type { Pending } from './open-commit-queue.js'
import type { GatedEffect, Step } from './step.js'

/** What the cluster state tells of the pass of placing that may be due. */
export interface Due {
  readonly dirty: boolean
  readonly capacity: number
}

/**
 * For traces: what caused each effect of a Master. Mostly that is the message in hand. The pass of placing at
 * the end of a turn has none. What it launches is caused by what asked for it in the same turn, such as a
 * submission. If that was long ago, it is caused by what made room: an end, a new Worker, the last answer of
 * a recovery. Nothing decides by this.
 */
export class TurnCauses {
  readonly #isTraced: boolean
  /** What made the pass due. */
  #due: Cause | undefined
  #capacity = -1
  /** Drivers and applications that the messages of these turns were about. */
  readonly #asked = new Map<string, Cause>()

  constructor(isTraced: boolean) {
    this.#isTraced = isTraced
  }

  /** The effects of a step, in order, each with its cause. `due`: as the step has left it. */
  effectsOf(input: MasterInput, step: Step, from: Cause | undefined, due: Due | undefined): Pending[] {
    // What waits for the store keeps no message of a peer alive.
    const cause = from && causeOf(from)
    if (!this.#isTraced) return step.gated.map((effect) => ({ effect, cause }))
    const isPass = input.kind === 'turnEnd'
    const because = (subject: string | undefined): Cause | undefined =>
      isPass ? this.#reasonFor(subject) : cause
    const effects: Pending[] = writesByCause(step, because)
    for (const effect of step.gated) effects.push({ effect, cause: because(subjectOfEffect(effect)) })
    if (!due?.dirty) this.#passed()
    else if (!isPass && cause !== undefined) this.#remember(input, step, cause, due)
    return effects
  }

  #reasonFor(subject: string | undefined): Cause | undefined {
    return (subject === undefined ? undefined : this.#asked.get(subject)) ?? this.#due
  }

  #remember(input: MasterInput, { puts }: Step, cause: Cause, { capacity }: Due): void {
    if (this.#due === undefined || capacity !== this.#capacity) this.#due = cause
    this.#capacity = capacity
    for (const { table, id } of puts) if (table === 'driver' || table === 'app') this.#asked.set(id, cause)
    const subject = subjectOfInput(input)
    if (subject !== undefined) this.#asked.set(subject, cause)
  }

  #passed(): void {
    this.#due = undefined
    if (this.#asked.size > 0) this.#asked.clear()
  }
}

function subjectOfInput(input: MasterInput): string | undefined {
  if (input.kind === 'message') return subjectOf(input.message)
  return input.kind === 'timer' ? subjectOf(input.timer) : undefined
}

/** The driver or application that an effect is about. */
const subjectOfEffect = (effect: GatedEffect): string | undefined =>
  effect.kind === 'tell' ? subjectOf(effect.message) : undefined

function subjectOf(value: object): string | undefined {
  const { driverId, appId, subject } = value as Partial<Record<string, unknown>>
  const id = driverId ?? appId ?? subject
  return typeof id === 'string' ? id : undefined
}
