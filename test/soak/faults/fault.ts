import type { Random, Shape } from '../draw.js'
import type { FaultName } from '../fault-names.js'
import type { SoakContext } from '../soak-context.js'

/** What was done, and how to undo it. */
export interface Blow {
  /** For the reader of the report: what is hit, and for how long. */
  readonly what: string
  /** How long it lasts before it is undone. */
  readonly holdMs: number
  /** Resolves when the cause is gone. The cluster may still be recovering. */
  readonly heal: () => Promise<void>
  /** Executors may end with it, so tasks may be repeated. */
  readonly executorsDie: boolean
  /** It fills memory up to its bounds, so growth is judged from its end. */
  readonly fillsMemory?: boolean
  /** More elections than this are a violation. Undefined: there is no limit. */
  readonly mostElections?: number
}

export interface Fault {
  readonly name: FaultName
  /** False: the fault makes no sense for such a cluster. */
  readonly fits?: (shape: Shape) => boolean
  /** Causes the fault. A text says why this machine does not allow it. */
  readonly strike: (context: SoakContext, random: Random) => Promise<Blow | string>
}

export const healed = async (): Promise<void> => undefined

/** A fault that is over as soon as it is done. */
export const momentary = (what: string, executorsDie = false): Blow => ({
  what,
  holdMs: 0,
  heal: healed,
  executorsDie,
})

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
