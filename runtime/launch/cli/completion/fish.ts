import type { CommandWords, OptionWords } from './words.js'

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`

function optionLine(command: string, { names, takesValue, values, text }: OptionWords): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  const value = values.length > 0 ? ` -x -a ${quoted(values.join(' '))}` : takesValue ? ' -r' : ''
  const when = `-n '__fish_seen_subcommand_from ${command}'`
  return `complete -c firesteel ${when} ${flags.join(' ')}${value} -d ${quoted(text)}`
}

function commandLines({ name, text, options, values }: CommandWords): string[] {
  const when = `-n '__fish_seen_subcommand_from ${name}'`
  return [
    `complete -c firesteel -n __fish_use_subcommand -f -a ${name} -d ${quoted(text)}`,
    ...options.map((option) => optionLine(name, option)),
    ...(values.length > 0 ? [`complete -c firesteel ${when} -f -a ${quoted(values.join(' '))}`] : []),
  ]
}

/** Completes commands, options and values with their descriptions; files where fish itself would. Pure. */
export function fishScript(commands: readonly CommandWords[]): string {
  const head = '# Completion of firesteel for fish. Keep it as ~/.config/fish/completions/firesteel.fish'
  return `${[head, ...commands.flatMap(commandLines)].join('\n')}\n`
}
