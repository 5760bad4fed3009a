import type { CommandWords, OptionWords } from './words.js'

/** In single quotes, within a specification of `_arguments`. */
const quoted = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''")

function optionSpec({ names, takesValue, values, text }: OptionWords): string {
  const value = takesValue ? (values.length > 0 ? `:value:(${values.join(' ')})` : ':value:_files') : ''
  const about = `[${quoted(text)}]${value}'`
  // Every option may be repeated: many are lists.
  return names.length === 1 ? `'*${names[0]}${about}` : `'*'{${names.join(',')}}'${about}`
}

function commandCase({ name, options, values, isLauncher }: CommandWords): string {
  const rest = isLauncher
    ? ["'1:program:_files'", "'*:argument:_files'"]
    : [values.length > 0 ? `'1:value:(${values.join(' ')})'` : "'*:file:_files'"]
  // After MAIN everything belongs to the program.
  const flags = isLauncher ? "-A '-*' " : ''
  const specs = [...options.map(optionSpec), ...rest].map((spec) => `        ${spec}`)
  return [`    ${name})`, `      _arguments ${flags}\\`, `${specs.join(' \\\n')} ;;`].join('\n')
}

/** Completes commands, options and values with their descriptions. Pure. */
export function zshScript(commands: readonly CommandWords[]): string {
  const described = commands.map(({ name, text }) => `    '${name}:${quoted(text)}'`)
  return `#compdef firesteel
# Completion of firesteel for zsh. Load it with: source <(firesteel completion zsh), after compinit
_firesteel() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(commandCase).join('\n')}
  esac
}
if [ "$funcstack[1]" = _firesteel ]; then
  _firesteel "$@"
else
  compdef _firesteel firesteel
fi
`
}
