import { exitCodeOf, FiresteelError } from '../../errors.js'
import { release } from '../../release.js'
import { codedError } from '../../system-error.js'
import { watchUncaught } from '../node/uncaught.js'
import { Command, CommanderError } from './commander.js'
import type { AddCommand, Run } from './commands/command.js'
import { type Console, INTERRUPTED_EXIT, Interrupted, printError } from './console.js'

/** In the order of the help. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  up: async () => (await import('./commands/up.js')).addUp,
  down: async () => (await import('./commands/down.js')).addDown,
  master: async () => (await import('./commands/master.js')).addMaster,
  worker: async () => (await import('./commands/worker.js')).addWorker,
  submit: async () => (await import('./commands/submit.js')).addSubmit,
  run: async () => (await import('./commands/run.js')).addRun,
  each: async () => (await import('./commands/each.js')).addEach,
  status: async () => (await import('./commands/status.js')).addStatus,
  explain: async () => (await import('./commands/explain.js')).addExplain,
  ui: async () => (await import('./commands/ui.js')).addUi,
  kill: async () => (await import('./commands/kill.js')).addKill,
  restart: async () => (await import('./commands/restart.js')).addRestart,
  drain: async () => (await import('./commands/drain.js')).addDrain,
  undrain: async () => (await import('./commands/undrain.js')).addUndrain,
  apply: async () => (await import('./commands/apply.js')).addApply,
  history: async () => (await import('./commands/history.js')).addHistory,
  upgrade: async () => (await import('./commands/upgrade.js')).addUpgrade,
  logs: async () => (await import('./commands/logs.js')).addLogs,
  trace: async () => (await import('./commands/trace.js')).addTrace,
  report: async () => (await import('./commands/report.js')).addReport,
  replay: async () => (await import('./commands/replay.js')).addReplay,
  code: async () => (await import('./commands/code.js')).addCode,
  cert: async () => (await import('./commands/cert.js')).addCert,
  token: async () => (await import('./commands/token.js')).addToken,
  whoami: async () => (await import('./commands/whoami.js')).addWhoami,
  check: async () => (await import('./commands/check.js')).addCheck,
  completion: async () => (await import('./commands/completion.js')).addCompletion,
}

/** The help and the completion have all commands; any other command line needs one. */
async function loadCommands([first]: readonly string[]): Promise<AddCommand[]> {
  const one = first !== undefined && first !== 'completion' && Object.hasOwn(commands, first)
  return Promise.all((one ? [commands[first]!] : Object.values(commands)).map((load) => load()))
}

/** The command line, with the commands that `argv` needs. `run` gets the action of each command. */
export async function createProgram(
  argv: readonly string[],
  run: Run,
  write: { out(text: string): void; err(text: string): void },
): Promise<Command> {
  const added = await loadCommands(argv)
  const program = new Command('firesteel')
    .description('Actor-model cluster manager for Node.js.')
    .version(release(), '-V, --version')
    // Options after MAIN belong to MAIN.
    .enablePositionalOptions()
    .showHelpAfterError(false)
    .exitOverride()
    // All errors are printed once, in one place.
    .configureOutput({ writeOut: write.out, writeErr: write.err, outputError: () => undefined })
  for (const add of added) add(program, run)
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program)
  return program
}

/** The error of a command line that commander refuses; undefined if it only printed help or the version. */
async function usageError(
  error: CommanderError,
  [command]: readonly string[],
): Promise<FiresteelError | undefined> {
  if (error.exitCode === 0) return undefined
  if (error.code === 'commander.help') return new FiresteelError('USAGE', 'A command is missing.')
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.?$/, '.')
  if (command === 'each' && error.code === 'commander.unknownOption') {
    const { insteadOf } = await import('./each/parallel-options.js')
    const option = /'(-[^']+)'/.exec(error.message)?.[1] ?? ''
    const instead = insteadOf(option)
    if (instead !== undefined)
      return new FiresteelError('USAGE', `Unknown option '${option}'.`, { help: instead })
  }
  const help =
    '`firesteel status` lists the ids of drivers, applications and Workers; a name will do as well.'
  const details = /^missing required argument 'id'/.test(message) ? { help } : {}
  return new FiresteelError('USAGE', `${message.slice(0, 1).toUpperCase()}${message.slice(1)}`, details)
}

/** Runs a command line. Returns its exit code. Everything that it opened is closed when it resolves. */
export async function main(io: Console): Promise<number> {
  let exitCode = 0
  const run: Run = async (action) => {
    exitCode = await action(io)
  }
  const write = { out: (text: string) => void io.out(text), err: (text: string) => void io.err(text) }
  const program = await createProgram(io.argv, run, write)
  // Arguments after MAIN are not ours. If the command line cannot be parsed, it is unknown which are.
  let json = io.argv.includes('--json')
  program.hook('preAction', (_, command) => {
    json = command.opts<{ json?: true }>().json === true
  })
  const uncaught = watchUncaught()
  try {
    await Promise.race([program.parseAsync([...io.argv], { from: 'user' }), uncaught.failed])
    return exitCode
  } catch (error) {
    if (error instanceof Interrupted) return INTERRUPTED_EXIT
    const shown = error instanceof CommanderError ? await usageError(error, io.argv) : codedError(error)
    if (shown === undefined) return 0
    await printError(io, shown, json)
    return exitCodeOf(shown)
  }
}
