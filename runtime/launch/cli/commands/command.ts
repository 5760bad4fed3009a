import type { Command } from '../commander.js'
import type { Console } from '../console.js'

/** Runs the action of a command. Its number is the exit code. */
export type Run = (action: (io: Console) => Promise<number>) => Promise<void>

/** Adds one command to the program. */
export type AddCommand = (program: Command, run: Run) => void

/** Help text after the options. Every command has one. */
export const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
