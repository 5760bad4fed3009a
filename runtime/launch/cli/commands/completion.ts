import { Argument } from '../commander.js'
import type { Shell } from '../completion/script.js'
import { type AddCommand, examples } from './command.js'

const shells: readonly Shell[] = ['bash', 'zsh', 'fish']

export const addCompletion: AddCommand = (program, run) => {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell that completes').choices(shells))
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
        // No other command loads this.
        const { completionScript } = await import('../completion/script.js')
        await io.out(completionScript(shell, program))
        return 0
      }),
    )
}
