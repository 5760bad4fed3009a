import type { Command } from '../commander.js'

/**
 * One line for people if a word after MAIN is an option of this command, and no `--` before it says that it
 * is meant for the program; undefined otherwise. Pure. `words` is the command line up to its end.
 */
export function misplacedOption(
  command: Command,
  words: readonly string[],
  main: string,
  args: readonly string[],
): string | undefined {
  if (words.at(-args.length - 2) === '--') return undefined
  const end = args.indexOf('--')
  const own = new Set(command.options.flatMap(({ long, short }) => [long, short]))
  const found = args.slice(0, end < 0 ? undefined : end).find((word) => own.has(word.split('=', 1)[0]))
  if (found === undefined) return undefined
  const name = command.name()
  return `${found} comes after ${main}, so it went to the program and not to ${name}. Options of ${name} come before MAIN; \`--\` before MAIN says that you mean it so.`
}
