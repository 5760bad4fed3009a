import { Random } from '../random.js'
import type { Violation } from '../violation.js'
import { RandomChooser, SystematicChooser } from './chooser.js'
import { drawPlan } from './draw-plan.js'
import { type Plan, ThreadHistory } from './thread-history.js'

export interface Explored {
  readonly histories: number
  readonly actions: number
  /** The one that broke a promise. */
  readonly broken:
    | { readonly violation: Violation; readonly plan: Plan; readonly log: readonly string[] }
    | undefined
}

/** The history of one seed: its plan, and what happens when. */
export function exploreSeed(seed: number): Explored {
  const play = (tells: boolean): ThreadHistory => {
    const random = new Random(seed)
    return new ThreadHistory(drawPlan(random), new RandomChooser(random), tells)
  }
  const history = play(false)
  const violation = history.run()
  if (violation === undefined) return { histories: 1, actions: history.actions, broken: undefined }
  // Once more, with its log.
  const again = play(true)
  again.run()
  const broken = { violation, plan: again.plan, log: again.log }
  return { histories: 1, actions: history.actions, broken }
}

/** Every history of a plan that departs from the first choice at most this often. */
export function explorePlan(plan: Plan, departures: number): Explored {
  const chooser = new SystematicChooser(departures)
  let histories = 0
  let actions = 0
  do {
    const history = new ThreadHistory(plan, chooser)
    const violation = history.run()
    histories++
    actions += history.actions
    if (violation) {
      chooser.repeat()
      const again = new ThreadHistory(plan, chooser, true)
      again.run()
      return { histories, actions, broken: { violation, plan, log: again.log } }
    }
  } while (chooser.advance())
  return { histories, actions, broken: undefined }
}
