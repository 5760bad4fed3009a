import type { Command } from '../commander.js'
import { bashScript } from './bash.js'
import { fishScript } from './fish.js'
import { completionWords } from './words.js'
import { zshScript } from './zsh.js'

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

export type Shell = keyof typeof scripts

/** The script with which this shell completes the command line. Pure. */
export const completionScript = (shell: Shell, program: Command): string =>
  scripts[shell](completionWords(program))
