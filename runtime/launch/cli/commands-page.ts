import type { Argument, Command, Option } from './commander.js'
import { cell, generated, wrapped } from './markdown.js'

/* docs/commands.md, from the command line's own definitions. Pure: text out. */

const intro = `Every command has \`--help\`. Without a global installation call them as \`npx firesteel COMMAND\`. Options of \`submit\` and \`run\` must come
before MAIN; what follows MAIN goes to the program.

Durations are \`250ms\`, \`2.5s\`, \`1m\` or \`1h\`; memory is \`512m\` or \`4g\`. Errors go to standard error as \`CODE: sentence\`, with the place and
the remedy below; with \`--json\` as one JSON object. [errors.md](errors.md) has every code.

| exit code | meaning |
| --- | --- |
| 0 | The command did what it was asked for. |
| 1 | The work failed: a driver, a task, a command of \`each\`. |
| 2 | The command line or the deployment file is wrong. |
| 3 | No Master was ALIVE in time. |
| 4 | The cluster refused: secret, version, state or resources. |
| 130 | It was interrupted. |
| 141 | \`each\` and \`submit --wait\`: nobody reads what they print any more. |

\`run\` ends with the exit code of its program, or 128 and the number of the signal that ended it.

Commands that talk to a cluster find it in this order: \`--master\`, the environment variable \`FIRESTEEL_MASTER\`, what \`firesteel up\` left in
\`.firesteel\` of this folder or the nearest one above it, \`firesteel://127.0.0.1:7070\`. That folder must
belong to this user, and nobody else may be able to write it. They take its secret from \`FIRESTEEL_SECRET\`, else from the credential
\`secret\` ([services.md](services.md#credentials)), else from the file of \`security.file\` that
\`up\` was started with, else from \`.firesteel/secret\`.`

function defaultOf({ defaultValue, defaultValueDescription }: Argument | Option): string {
  if (defaultValueDescription !== undefined) return defaultValueDescription
  return defaultValue === undefined ? '' : String(defaultValue)
}

/** Commander has the usage text in its help only: `[options] <main> [args...]`. */
const synopsis = (command: Command): string => `firesteel ${command.name()} ${command.usage()}`

function table(
  head: string,
  rows: readonly (readonly [name: string, meaning: string, preset: string])[],
): string {
  const lines = rows.map(([name, meaning, preset]) => `| \`${name}\` | ${cell(meaning)} | ${cell(preset)} |`)
  return [`| ${head} | meaning | default |`, '| --- | --- | --- |', ...lines].join('\n')
}

/** Commander gives the text after the options only with the whole help. */
function examplesOf(command: Command): string {
  let help = ''
  command.configureOutput({
    writeOut: (text) => {
      help += text
    },
  })
  command.outputHelp()
  const [, text] = help.split('\nExamples:\n')
  if (text === undefined) return ''
  const lines = text.split('\n').filter((line) => line.startsWith('  '))
  return ['```', ...lines.map((line) => line.slice(2)), '```'].join('\n')
}

function commandText(command: Command): string {
  const args = command.registeredArguments.map(
    (argument) => [argument.name(), argument.description, defaultOf(argument)] as const,
  )
  const options = command.options
    .filter((option) => !option.hidden)
    .map((option) => [option.flags, option.description, defaultOf(option)] as const)
  const parts = [
    `## \`${command.name()}\``,
    `\`${synopsis(command)}\``,
    wrapped(command.description()),
    ...(args.length > 0 ? [table('argument', args)] : []),
    ...(options.length > 0 ? [table('option', options)] : []),
    examplesOf(command),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

/** docs/commands.md. */
export function commandsPage(program: Command): string {
  return `${['# Commands', generated, intro, ...program.commands.map(commandText)].join('\n\n')}\n`
}
