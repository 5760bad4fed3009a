import type { CommandWords, OptionWords } from './words.js'

const namesOf = (options: readonly OptionWords[]): string => options.flatMap(({ names }) => names).join(' ')

function valueCases({ name, options }: CommandWords): string[] {
  return options
    .filter(({ values }) => values.length > 0)
    .flatMap(({ names, values }) =>
      names.map((option) => `      "${name} ${option}") words="${values.join(' ')}" ;;`),
    )
}

const valued = ({ options }: CommandWords): string => namesOf(options.filter(({ takesValue }) => takesValue))

/** Completes commands, options and values; files where bash itself would. Pure. */
export function bashScript(commands: readonly CommandWords[]): string {
  const launchers = commands.filter(({ isLauncher }) => isLauncher)
  return `# Completion of firesteel for bash. Load it with: source <(firesteel completion bash)
_firesteel() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  local words= valued= at=2
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands.map(({ name }) => name).join(' ')} --help --version"
  else
    case "$command" in
${launchers.map((command) => `      ${command.name}) valued=" ${valued(command)} " ;;`).join('\n')}
    esac
    # After MAIN everything belongs to the program: bash completes it as it does elsewhere.
    while [ -n "$valued" ] && [ "$at" -lt "$COMP_CWORD" ]; do
      case "\${COMP_WORDS[at]}" in
        =) at=$((at + 2)) ;;
        -*) case "$valued" in *" \${COMP_WORDS[at]} "*) at=$((at + 2)) ;; *) at=$((at + 1)) ;; esac ;;
        *) return ;;
      esac
    done
    case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
      *) case "$current" in
        -*) case "$command" in
${commands.map(({ name, options }) => `          ${name}) words="${namesOf(options)}" ;;`).join('\n')}
        esac ;;
        *) case "$command" in
${commands
  .filter(({ values }) => values.length > 0)
  .map(({ name, values }) => `          ${name}) words="${values.join(' ')}" ;;`)
  .join('\n')}
        esac ;;
      esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _firesteel firesteel
`
}
