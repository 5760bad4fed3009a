import { readFileSync } from 'node:fs'
import { exitCodeOf, FiresteelError } from '../../errors.js'
import { codedError } from '../../system-error.js'
import { watchUncaught } from '../node/uncaught.js'
import { Command, CommanderError } from './commander.js'
import { addCheck } from './commands/check.js'
import type { AddCommand, Run } from './commands/command.js'
import { addCompletion } from './commands/completion.js'
import { addDown } from './commands/down.js'
import { addEach } from './commands/each.js'
import { addKill } from './commands/kill.js'
import { addLogs } from './commands/logs.js'
import { addMaster } from './commands/master.js'
import { addRestart } from './commands/restart.js'
import { addRun } from './commands/run.js'
import { addStatus } from './commands/status.js'
import { addSubmit } from './commands/submit.js'
import { addTrace } from './commands/trace.js'
import { addUp } from './commands/up.js'
import { addWorker } from './commands/worker.js'
import { type Console, INTERRUPTED_EXIT, Interrupted, printError } from './console.js'

const commands: readonly AddCommand[] = [
  addUp,
  addDown,
  addMaster,
  addWorker,
  addSubmit,
  addRun,
  addEach,
  addStatus,
  addKill,
  addRestart,
  addLogs,
  addTrace,
  addCheck,
  addCompletion,
]

function version(): string {
  // The package is four folders up, from dist/runtime/launch/cli as from a checkout.
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** The whole command line. `run` gets the action of each command. */
export function createProgram(
  run: Run,
  write: { out(text: string): void; err(text: string): void },
): Command {
  const program = new Command('firesteel')
    .description('Actor-model cluster manager for Node.js.')
    .version(version(), '-V, --version')
    // Options after MAIN belong to MAIN.
    .enablePositionalOptions()
    .showHelpAfterError(false)
    .exitOverride()
    // All errors are printed once, in one place.
    .configureOutput({ writeOut: write.out, writeErr: write.err, outputError: () => undefined })
  for (const add of commands) add(program, run)
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program)
  return program
}

/** The error of a command line that commander refuses; undefined if it only printed help or the version. */
function usageError(error: CommanderError): FiresteelError | undefined {
  if (error.exitCode === 0) return undefined
  if (error.code === 'commander.help') return new FiresteelError('USAGE', 'A command is missing.')
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.?$/, '.')
  return new FiresteelError('USAGE', `${message.slice(0, 1).toUpperCase()}${message.slice(1)}`)
}

/** Runs a command line. Returns its exit code. Everything that it opened is closed when it resolves. */
export async function main(io: Console): Promise<number> {
  let exitCode = 0
  const run: Run = async (action) => {
    exitCode = await action(io)
  }
  const program = createProgram(run, { out: (text) => void io.out(text), err: (text) => void io.err(text) })
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
    const shown = error instanceof CommanderError ? usageError(error) : codedError(error)
    if (shown === undefined) return 0
    await printError(io, shown, json)
    return exitCodeOf(shown)
  }
}
