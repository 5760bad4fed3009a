import { innerLimits } from '../inner-limits.js'

/*
 * Which commands a shell starts itself, without a `sh -c` between. To start a second shell costs more than
 * most of what a short command does. Pure.
 */

/**
 * One command of words that a shell reads as themselves: plain ones, and parts in single quotes. So nothing
 * is expanded, and nothing can tell which shell has read it. Group 1 is the first word.
 */
const plainCommand = /^ *([A-Za-z0-9_@%+:,./-]+)(?: +(?:[A-Za-z0-9_@%+=:,./-]|'[^']*'|\\')+)* *$/

const keywords: ReadonlySet<string> = new Set(
  'if then else elif fi do done case esac while until for in function select time coproc'.split(' '),
)

/** Parts of every shell that know nothing of it and print no errors. */
const harmless: ReadonlySet<string> = new Set(['true', 'false', 'echo'])

/** The first word of a plain command; undefined if it needs a shell of its own. */
export function wordOf(command: Uint8Array): string | undefined {
  const text = Buffer.from(command.buffer, command.byteOffset, command.byteLength).toString('latin1')
  const word = plainCommand.exec(text)?.[1]
  return word === undefined || keywords.has(word) ? undefined : word
}

/**
 * True: the answer to `command -v` is the path of a program. A builtin could do something with the shell that
 * has read it (`trap`, `eval`), so it gets one of its own.
 */
export const isProgram = (answer: string): boolean => /^\S*\/\S*$/.test(answer)

/** What one shell knows of the words that commands begin with. */
export class DirectCommands {
  readonly #known = new Map<string, 'seen' | 'program' | 'other'>()

  /**
   * `ask`: the shell has to be asked whether it is a program. That costs about as much as it spares once, so
   * it is done when a word comes again.
   */
  look(word: string): 'direct' | 'ask' | 'shell' {
    if (harmless.has(word)) return 'direct'
    const known = this.#known.get(word)
    if (known === 'program') return 'direct'
    if (known === 'seen') return 'ask'
    if (known === undefined && this.#known.size < innerLimits.directWords) this.#known.set(word, 'seen')
    return 'shell'
  }

  answered(word: string, answer: string): void {
    this.#known.set(word, isProgram(answer) ? 'program' : 'other')
  }
}
