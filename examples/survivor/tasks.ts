import { setTimeout as delay } from 'node:timers/promises'
import { context } from 'firesteel/task'

export interface Range {
  readonly from: number
  /** The end of the range, which is not part of it. */
  readonly to: number
  /** Duration in milliseconds, in place of real work. */
  readonly ms: number
}

/** The sum of the primes of a range. */
export async function sumOfPrimes({ from, to, ms }: Range): Promise<number> {
  // A task that is no longer wanted ends at once.
  await delay(ms, undefined, { signal: context().signal })
  let sum = 0
  for (let number = Math.max(2, from); number < to; number++) if (isPrime(number)) sum += number
  return sum
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return true
}
