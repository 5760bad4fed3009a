import type { Command } from '../commander.js'

/* What a shell can complete, from the command line's own definitions. Pure. */

export interface OptionWords {
  /** `--follow`, `-f`: the long one first. */
  readonly names: readonly string[]
  readonly takesValue: boolean
  /** The values that it takes; empty: any, often a file. */
  readonly values: readonly string[]
  readonly text: string
}

export interface CommandWords {
  readonly name: string
  readonly text: string
  readonly options: readonly OptionWords[]
  /** Values of its first argument; empty: any, often a file. */
  readonly values: readonly string[]
  /** True: what follows its first argument belongs to a program. */
  readonly isLauncher: boolean
}

/** Commands whose arguments after MAIN are those of MAIN. */
const launchers: ReadonlySet<string> = new Set(['submit', 'run'])

/** The first sentence, without the dot. */
const brief = (text: string): string => text.split(/\.\s/, 1)[0]!.replace(/(?<!\.)\.$/, '')

export function completionWords(program: Command): CommandWords[] {
  return program.commands.map((command) => ({
    name: command.name(),
    text: brief(command.description()),
    options: [...command.options.filter(({ hidden }) => !hidden).map(wordsOf), help],
    values: command.registeredArguments[0]?.argChoices ?? [],
    isLauncher: launchers.has(command.name()),
  }))
}

const help: OptionWords = { names: ['--help', '-h'], takesValue: false, values: [], text: 'show help' }

function wordsOf(option: Command['options'][number]): OptionWords {
  const { long, short, required, optional, argChoices, description } = option
  return {
    names: [long, short].filter((name) => name !== undefined && name !== null),
    takesValue: required || optional,
    values: argChoices ?? [],
    text: brief(description),
  }
}
