import { FiresteelError, reasonOf } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { formatDuration, parseDurationMs, parseMemoryMib } from '../../../units.js'
import { InvalidArgumentError, Option } from '../commander.js'

/* Values of options. A value that its parser refuses ends the command with USAGE, exit 2. */

/** A parser whose error names the rule. */
export function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(reasonOf(error))
    }
  }
}

export const durationOption = checked((text) => parseDurationMs(text, { what: 'the duration' }))
export const memoryOption = checked((text) => parseMemoryMib(text, { what: 'the memory' }))

/** A whole number in a range. */
export const intOption = (min: number, max = Number.MAX_SAFE_INTEGER): ((text: string) => number) =>
  checked((text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`
    throw new FiresteelError('USAGE', `It must be a whole number, ${range}.`)
  })

export const portOption = intOption(0, 65_535)
export const coresOption = intOption(1, 65_536)

/** For `run` and `each`. `never`: idle executors are kept. */
export const idleTimeoutOption = (): Option =>
  new Option(
    '--idle-timeout <duration>',
    `an executor without a task for so long is given back; never keeps them (default: ${formatDuration(limits.idleTimeoutMs)})`,
  ).argParser((text) => (text === 'never' ? Number.POSITIVE_INFINITY : durationOption(text)))

/** For `run` and `each`. */
export const summariesOption = (): Option =>
  new Option(
    '--no-summaries',
    'tell the Master nothing of the tasks; its page of the application then shows none',
  )

/** Help lists the values, and the refusal names them. */
export const choiceOption = (flags: string, description: string, choices: readonly string[]): Option =>
  new Option(flags, description).choices(choices)

/** Help shows the default as people write it, and not as it is kept. */
export const durationDefault = (flags: string, description: string, text: string): Option =>
  new Option(flags, description).argParser(durationOption).default(durationOption(text), text)
export const memoryDefault = (flags: string, description: string, text: string): Option =>
  new Option(flags, description).argParser(memoryOption).default(memoryOption(text), text)

/** Splits `a,b`. */
export const listOption = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** Repeatable. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text]

function splitPair(text: string, form: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError(`It must be ${form}.`)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** Repeatable `gpu=1`. */
export function collectAmounts(
  text: string,
  before: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const [name, amount] = splitPair(text, 'NAME=AMOUNT, such as gpu=1')
  return { ...before, [name]: intOption(1)(amount) }
}

/** Repeatable `gpu=0,1`. */
export function collectAddresses(
  text: string,
  before: Readonly<Record<string, string[]>> = {},
): Record<string, string[]> {
  const [name, addresses] = splitPair(text, 'NAME=ADDRESS[,ADDRESS...], such as gpu=0,1')
  const list = listOption(addresses)
  if (list.length === 0) throw new InvalidArgumentError('It must name at least one address.')
  return { ...before, [name]: list }
}

/** Repeatable `zone=a`. */
export function collectLabels(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const [name, value] = splitPair(text, 'NAME=VALUE')
  return { ...before, [name]: value }
}

/** Without the keys that were not given. */
export function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>
}
