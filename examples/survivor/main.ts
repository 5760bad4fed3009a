/*
 * A driver that survives everything: kill -9 of itself, of its Worker with all that runs there, of the
 * Master.
 *
 *     firesteel submit --supervise dist/examples/survivor/main.js /shared/progress [STEPS [MS]]
 *
 * It keeps its progress in a file, and continues from there whenever it is started again. Its generation is
 * the fencing token of all its writes. If a machine that was cut off comes back and still runs an old
 * incarnation, that one finds a higher generation in the file and exits. The program ends with the sum of all
 * primes below 1000 * STEPS, however often it died on the way.
 */
import { connect, FiresteelError } from 'firesteel'
import { INTERRUPTED_EXIT, interruption } from '../interruption.js'
import { printError } from '../print-error.js'
import { where } from '../where.js'
import { wholeNumber } from '../whole-number.js'
import { Journal, Superseded } from './journal.js'

const NUMBERS_PER_STEP = 1000
const TASKS_PER_STEP = 4

async function main([path, stepsText, msText]: readonly string[], signal: AbortSignal): Promise<void> {
  if (path === undefined) {
    throw new FiresteelError('USAGE', 'The file for the progress is missing.', {
      help: 'Write: survivor/main.js FILE [STEPS [MS]].',
    })
  }
  const steps = wholeNumber(stepsText, 'STEPS', 20)
  const ms = wholeNumber(msText, 'MS', 50, 0)
  // The cluster sets this for submitted drivers.
  const generation = process.env.FIRESTEEL_GENERATION
  await using journal = await Journal.open(path, generation === undefined ? undefined : Number(generation))
  const claimed = await journal.claim()
  let { step, total } = claimed
  console.log(`generation ${claimed.generation} begins at step ${step} of ${steps}`)

  await using app = await connect(where(), { name: 'survivor', signal })
  const { sumOfPrimes } = app.tasks<typeof import('./tasks.js')>(new URL('./tasks.js', import.meta.url))
  while (step < steps) {
    const size = NUMBERS_PER_STEP / TASKS_PER_STEP
    const ranges = Array.from({ length: TASKS_PER_STEP }, (_, index) => {
      const from = step * NUMBERS_PER_STEP + index * size
      return { from, to: from + size, ms }
    })
    for await (const sum of app.map(sumOfPrimes, ranges)) total += sum
    step++
    // This line makes the step count. A crash before it repeats the step, a crash after it does not.
    await journal.record({ step, total })
  }
  console.log(`done: the primes below ${steps * NUMBERS_PER_STEP} sum up to ${total}`)
}

const signal = interruption()
try {
  await main(process.argv.slice(2), signal)
} catch (error) {
  if (error instanceof Superseded) {
    // This is no failure: a newer incarnation does the work, and a restart of this one would help nothing.
    console.log(`superseded: ${error.message}`)
  } else {
    process.exitCode = signal.aborted ? INTERRUPTED_EXIT : printError(error)
  }
}
