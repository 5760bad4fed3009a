import { setTimeout as delay } from 'node:timers/promises'
import { context, NoRetry } from 'firesteel/task'

export interface Statement {
  /** URL of the ledger. */
  readonly ledger: string
  /** DRIVER/GENERATION of the driver for which this is written. */
  readonly token: string
  readonly night: string
  readonly account: number
  /** Duration in milliseconds, in place of real work. */
  readonly ms: number
}

/**
 * Makes the statement of an account and writes it down. The token travels with the task: after its driver
 * was replaced, an executor that does not know it yet writes nothing either.
 */
export async function makeStatement(statement: Statement): Promise<number> {
  const { ledger, token, night, account, ms } = statement
  const { signal } = context()
  await delay(ms, undefined, { signal })
  const balance = balanceOf(night, account)
  const response = await fetch(`${ledger}/entries/${night}:${account}`, {
    method: 'PUT',
    headers: { 'fencing-token': token },
    body: String(balance),
    signal,
  })
  const answer = await response.text()
  if (response.status === 409) throw new NoRetry('superseded')
  if (!response.ok) throw new Error(`the ledger answers ${response.status}: ${answer}`)
  return balance
}

/** Made up, and always the same for the same night. */
function balanceOf(night: string, account: number): number {
  let balance = account
  for (const digit of night.replaceAll('-', '')) balance = (balance * 31 + Number(digit)) % 1_000_003
  return balance
}
