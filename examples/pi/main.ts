/*
 * Computes pi by throwing darts. This is the smallest whole program.
 *
 *     node dist/examples/pi/main.js [TASKS [DARTS]]                    on a cluster of its own
 *     firesteel run dist/examples/pi/main.js 1000 1000000              on a running one
 */
import { connect } from 'firesteel'
import { printError } from '../print-error.js'
import { where } from '../where.js'
import { wholeNumber } from '../whole-number.js'

async function main([tasksText, dartsText]: readonly string[]): Promise<void> {
  const tasks = wholeNumber(tasksText, 'TASKS', 100)
  const darts = wholeNumber(dartsText, 'DARTS', 1_000_000)

  // `app` is closed at the end of the function, also after an error, so that this process can end.
  await using app = await connect(where(), { name: 'pi' })
  const { hits } = app.tasks<typeof import('./tasks.js')>(new URL('./tasks.js', import.meta.url))

  // A generator makes inputs as there is capacity for them, so a billion tasks need no more memory than ten.
  function* throws() {
    for (let seed = 0; seed < tasks; seed++) yield { seed, darts }
  }
  let inside = 0
  for await (const count of app.map(hits, throws())) inside += count

  const pi = (4 * inside) / (tasks * darts)
  console.log(
    `pi is about ${pi} (${tasks} tasks of ${darts} darts, off by ${Math.abs(pi - Math.PI).toExponential(1)})`,
  )
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = printError(error)
}
