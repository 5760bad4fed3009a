import { randomInt } from 'node:crypto'
import { reasonOf } from '../../runtime/errors.js'

/* What the programs here have in common at the command line: npm run sim, soak, fuzz, failover. */

export interface Program<T> {
  readonly usage: string
  /** Throws an Error that says what is wrong. */
  readonly parse: (args: readonly string[], randomSeed: number) => T
  /** Gives the exit code. */
  readonly main: (options: T) => Promise<number>
}

/** `--help` ends with 0, a command line that cannot be understood with 2 and the usage. */
export async function runProgram<T>({ usage, parse, main }: Program<T>): Promise<void> {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage)
    return
  }
  let options: T
  try {
    options = parse(args, randomInt(2 ** 32 - 1))
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n${usage}`)
    process.exitCode = 2
    return
  }
  process.exitCode = await main(options)
}

/** Digits, or short as in 1e8. Undefined where the option is not given. */
export function wholeOption(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+(e\d+)?$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`--${option} is ${text}; it must be a whole number from ${least}`)
}

/** Names with commas between, in the order of `known`. `told`: those that an error speaks of. */
export function namesOption<T extends string>(
  option: string,
  text: string | undefined,
  known: readonly T[],
  told: readonly string[] = known,
): T[] | undefined {
  if (text === undefined) return undefined
  const wanted = text.split(',').filter(Boolean)
  const wrong = wanted.find((name) => !(known as readonly string[]).includes(name))
  if (wrong !== undefined || wanted.length === 0)
    throw new Error(`--${option} has ${wrong ?? 'nothing'}; it takes ${told.join(', ')}`)
  return known.filter((name) => wanted.includes(name))
}
