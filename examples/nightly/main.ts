/*
 * A nightly job: once a night it writes a statement for each account, and each exactly once.
 *
 *     node dist/examples/nightly/server.js ledger.jsonl &
 *     firesteel submit --supervise --key nightly-2026-11-28 \
 *       dist/examples/nightly/main.js http://127.0.0.1:7300 2026-11-28 [ACCOUNTS [MS]]
 *
 * The key makes it one driver, however often it is submitted. The cluster starts it again if it, its Worker
 * or its machine fails. The one before it may still run for a while, on a machine that is cut off. So the
 * ledger refuses every token, which is the driver's id and generation, that is older than one it has seen.
 */
import { connect, FiresteelError, isFiresteelError } from 'firesteel'
import { INTERRUPTED_EXIT, interruption } from '../interruption.js'
import { printError } from '../print-error.js'
import { where } from '../where.js'
import { wholeNumber } from '../whole-number.js'

/** A later life of this driver, or another driver, does this work now. */
class Superseded extends Error {}

/** The cluster sets both for submitted drivers. By hand, each call is a driver of its own. */
const { FIRESTEEL_DRIVER_ID = `by-hand-${Date.now()}`, FIRESTEEL_GENERATION = '1' } = process.env
const token = `${FIRESTEEL_DRIVER_ID}/${FIRESTEEL_GENERATION}`

/** From now on the ledger takes nothing from older ones. Throws Superseded. */
async function claim(ledger: string): Promise<void> {
  const response = await fetch(`${ledger}/claim`, { method: 'PUT', headers: { 'fencing-token': token } })
  if (response.status === 409) throw new Superseded('a newer one has claimed the ledger')
  if (!response.ok) throw new Error(`the ledger answers ${response.status}: ${await response.text()}`)
}

async function entriesOf(ledger: string): Promise<Readonly<Record<string, number>>> {
  return (await (await fetch(`${ledger}/entries`)).json()) as Record<string, number>
}

async function main([ledger, night, accountsText, msText]: readonly string[], signal: AbortSignal) {
  if (ledger === undefined || night === undefined) {
    throw new FiresteelError('USAGE', 'The ledger or the night is missing.', {
      help: 'Write: nightly/main.js LEDGER NIGHT [ACCOUNTS [MS]].',
    })
  }
  const accounts = wholeNumber(accountsText, 'ACCOUNTS', 200)
  const ms = wholeNumber(msText, 'MS', 20, 0)
  await claim(ledger)
  // What an earlier life has written stays. It is read after the claim, so that nothing is added meanwhile.
  const before = await entriesOf(ledger)
  const rest = Array.from({ length: accounts }, (_, account) => account)
    .filter((account) => before[`${night}:${account}`] === undefined)
    .map((account) => ({ ledger, token, night, account, ms }))
  console.log(`${token}: ${rest.length} of ${accounts} statements are to be written`)

  await using app = await connect(where(), { name: 'nightly', signal })
  const { makeStatement } = app.tasks<typeof import('./tasks.js')>(new URL('./tasks.js', import.meta.url))
  // A ledger that is away for a moment costs attempts, with longer and longer waits between them.
  for await (const _ of app.map(makeStatement, rest, { retries: 8, timeout: '30s', signal }));
  console.log(`${token}: all ${accounts} statements of ${night} are written`)
}

/** Also where a task was refused. */
const isSuperseded = (error: unknown): boolean =>
  error instanceof Superseded ||
  (isFiresteelError(error, 'TASK_FAILED') && (error.cause as Error | undefined)?.message === 'superseded')

const signal = interruption()
try {
  await main(process.argv.slice(2), signal)
} catch (error) {
  // No failure: another one does the work, and to start this one again would help nothing.
  if (isSuperseded(error)) console.log(`${token}: superseded`)
  // Any other failure ends with a code that is not 0, and the cluster starts it again.
  else process.exitCode = signal.aborted ? INTERRUPTED_EXIT : printError(error)
}
