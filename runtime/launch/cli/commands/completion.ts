import { Argument } from 'commander'
import { bashScript } from '../completion/bash.js'
import { fishScript } from '../completion/fish.js'
import { completionWords } from '../completion/words.js'
import { zshScript } from '../completion/zsh.js'
import { type AddCommand, examples } from './command.js'

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const
type Shell = keyof typeof scripts

export const addCompletion: AddCommand = (program, run) => {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell that completes').choices(Object.keys(scripts)))
    .description('Prints a script with which a shell completes commands, options and their values.')
    .addHelpText(
      'after',
      examples(
        'source <(firesteel completion bash)',
        'source <(firesteel completion zsh)',
        'firesteel completion fish > ~/.config/fish/completions/firesteel.fish',
      ),
    )
    .action((shell: Shell) =>
      run(async (io) => {
        await io.out(scripts[shell](completionWords(program)))
        return 0
      }),
    )
}
