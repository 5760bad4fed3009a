import { parseArgs } from 'node:util'
import { wholeOption } from '../tools/command-line.js'

export interface UpgradeTrialOptions {
  readonly masters: number
  readonly workers: number
  /** Supervised ones, which run all the time. */
  readonly drivers: number
  /** Tasks of the application that are under way at a time. */
  readonly tasks: number
  /** At most so many a second. */
  readonly submissions: number
  /** So often to the other release and back. */
  readonly rounds: number
}

export interface CommandLine extends UpgradeTrialOptions {
  readonly json: boolean
}

const DEFAULTS: UpgradeTrialOptions = {
  masters: 3,
  workers: 4,
  drivers: 20,
  tasks: 16,
  submissions: 20,
  rounds: 1,
}

export const usage = `npm run upgrade:trial [-- OPTIONS]
  A cluster goes to another release and back, under tasks, supervised drivers and submissions.
  --masters N      default: ${DEFAULTS.masters}
  --workers N      default: ${DEFAULTS.workers}
  --drivers N      supervised drivers (default: ${DEFAULTS.drivers})
  --tasks N        tasks under way at a time (default: ${DEFAULTS.tasks})
  --submissions N  at most so many a second (default: ${DEFAULTS.submissions})
  --rounds N       so often there and back (default: ${DEFAULTS.rounds})
  --json           one JSON object instead of the text
`

/** Throws an Error that says what is wrong. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      masters: { type: 'string' },
      workers: { type: 'string' },
      drivers: { type: 'string' },
      tasks: { type: 'string' },
      submissions: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const whole = (name: keyof UpgradeTrialOptions): number =>
    wholeOption(name, values[name], 1) ?? DEFAULTS[name]
  return {
    masters: whole('masters'),
    workers: whole('workers'),
    drivers: whole('drivers'),
    tasks: whole('tasks'),
    submissions: whole('submissions'),
    rounds: whole('rounds'),
    json: values.json,
  }
}
