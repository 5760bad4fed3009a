import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { type OutputPaths, type OutputSizes, readPieces } from '../../runtime/process/command-outputs.js'
import type { CommandShell, ShellExit } from '../../runtime/process/command-shell.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { OUTPUT_BYTES } from '../messages/tasks.js'
import { CommandShells, type ShellPlace } from './command-shells.js'
import { CommandStream, commandOutputs, type SendOutput, sendAll } from './command-stream.js'
import { CommandWatch } from './command-watch.js'
import { untilEnough } from './host-load.js'
import { OwnDate, performanceNow } from './own-globals.js'
import { RunningTask } from './running-task.js'
import { context, taskContexts } from './task.js'

/** A command of `each`, as the caller gives it. */
export interface CommandSpec {
  /** The bytes for `sh -c`. */
  readonly command: Uint8Array
  /** A `CommandPlace` as JSON. It is read once for all commands that have the same one. */
  readonly place: string
  /** Ends the command after this, as `timedOut`. Undefined: no limit. */
  readonly timeoutMs?: number | undefined
  /** Waits until the load of the host is below this before it starts. */
  readonly maxLoad?: number | undefined
  /** The same, in percents of the cores of the host. */
  readonly maxLoadPercent?: number | undefined
  /** Waits until the host has at least so much free memory. */
  readonly minFreeBytes?: number | undefined
  /** Sends output while the command runs. Then a command that writes faster than it is read waits. */
  readonly streams?: boolean | undefined
  /**
   * Without `streams`: more output than this is sent in parts at the end, and the result has none. Default:
   * `commandInlineBytes`.
   */
  readonly maxInlineBytes?: number
  /**
   * Without `streams`: a command that writes more than this is ended: RESULT_TOO_LARGE. Default:
   * `commandFileBytes`.
   */
  readonly maxFileBytes?: number
}

export interface CommandPlace {
  readonly cwd: string
  /** Added to PATH, HOME, LANG, TZ and TMPDIR of the executor. */
  readonly env: Readonly<Record<string, string>>
}

/** Either the bytes are here, or all of it has been sent before. */
export interface CommandOutput {
  readonly bytes: Uint8Array
  readonly sentBytes: number
}

export interface CommandResult {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: string | null
  readonly timedOut: boolean
  readonly stdout: CommandOutput
  readonly stderr: CommandOutput
  /** Milliseconds of wall time. */
  readonly startedAtMs: number
  readonly ms: number
  readonly host: string
}

const shells = new CommandShells()

/**
 * Runs a command by a shell of this thread. All that the command started ends with it, and it ends with the
 * task. An exit code other than 0 is a result, not a failure. Throws FOLDER_MISSING with host and folder,
 * RESULT_TOO_LARGE, SPAWN_FAILED.
 */
export async function command(spec: CommandSpec): Promise<CommandResult> {
  const { signal: aborted, executor } = context()
  if (spec.command.length > limits.commandBytes) throw tooLong(spec)
  if (spec.command.includes(0)) throw hasNul(spec)
  await untilEnough(spec, {
    signal: aborted,
    onWait: (reason) => context().progress(0, `${executor.host}: ${reason}`),
  })
  const shell = await take(spec, executor.host)
  const paths = spec.streams ? shell.outputs.fresh() : shell.outputs.next()
  const stop = (): void => void shell.stop()
  const { timeoutMs, maxFileBytes = limits.commandFileBytes } = spec
  const send = sender()
  let watch: CommandWatch | undefined
  /** Nothing writes into the files any more. */
  let free: OutputSizes | undefined
  aborted.addEventListener('abort', stop)
  try {
    aborted.throwIfAborted()
    if (spec.streams) await shell.makePipes(paths)
    const isDirect = await shell.isDirect(spec.command)
    watch = new CommandWatch(shell, paths, { timeoutMs, maxFileBytes })
    const startedAtMs = OwnDate.now()
    const beganMs = performanceNow()
    const stream = spec.streams ? new CommandStream(paths, send) : undefined
    const run = (): Promise<ShellExit> => shell.run(spec.command, paths, isDirect)
    const { leftNothing, ...exit } = await runUnless(aborted, run).finally(() => stream?.finish())
    const ms = performanceNow() - beganMs
    aborted.throwIfAborted()
    watch.check(shown(spec))
    const most = spec.maxInlineBytes ?? limits.commandInlineBytes
    let outputs: CommandOutput[]
    if (stream) outputs = stream.sentBytes.map((sentBytes) => ({ bytes: NOTHING, sentBytes }))
    else {
      const sizes = shell.outputs.sizes(paths)
      outputs = await filesOf(paths, { sizes, isLarge: sizes.stdout + sizes.stderr > most, send })
      if (leftNothing) free = sizes
    }
    aborted.throwIfAborted()
    const [stdout, stderr] = outputs as [CommandOutput, CommandOutput]
    return { ...exit, timedOut: watch.timedOut, stdout, stderr, startedAtMs, ms, host: executor.host }
  } finally {
    watch?.end()
    if (free) shell.outputs.free(paths, free)
    else shell.outputs.discard(paths)
    aborted.removeEventListener('abort', stop)
    shells.release(shell)
  }
}

const NOTHING = new Uint8Array(0)

/** Sends parts of the output of the running task. */
function sender(): SendOutput {
  const task = taskContexts.getStore()
  if (task instanceof RunningTask) return (output, bytes) => task.send(output, bytes)
  return () => Promise.resolve()
}

/** The abort may have come while the pipes were made: what has not begun could not be stopped then. */
async function runUnless<T>(aborted: AbortSignal, run: () => Promise<T>): Promise<T> {
  aborted.throwIfAborted()
  return await run()
}

interface FilesOptions {
  readonly sizes: OutputSizes
  /** They are sent in parts, because a result must not have so much. */
  readonly isLarge: boolean
  readonly send: SendOutput
}

async function filesOf(paths: OutputPaths, { sizes, isLarge, send }: FilesOptions): Promise<CommandOutput[]> {
  const outputs: CommandOutput[] = []
  for (const name of ['stdout', 'stderr'] as const) {
    let sentBytes = 0
    let bytes: Uint8Array = NOTHING
    if (sizes[name] > 0)
      for (const piece of readPieces(paths[name], isLarge ? OUTPUT_BYTES : Number.POSITIVE_INFINITY)) {
        if (isLarge) sentBytes += await sendAll(send, commandOutputs[name], piece)
        else bytes = piece
      }
    outputs.push({ bytes, sentBytes })
  }
  return outputs
}

let lastPlace: { readonly json: string; readonly place: ShellPlace } | undefined

function placeOf(json: string): ShellPlace {
  if (lastPlace?.json === json) return lastPlace.place
  const { cwd, env } = JSON.parse(json) as CommandPlace
  lastPlace = { json, place: { cwd, env: childEnvironment(env) } }
  return lastPlace.place
}

async function take({ place: json }: CommandSpec, host: string): Promise<CommandShell> {
  const place = placeOf(json)
  try {
    return await shells.take(place)
  } catch (cause) {
    if (!isFiresteelError(cause, 'FOLDER_MISSING')) throw cause
    throw new FiresteelError('FOLDER_MISSING', `The folder ${place.cwd} does not exist on ${host}.`, {
      place: `${host}:${place.cwd}`,
      cause,
    })
  }
}

function tooLong(spec: CommandSpec): FiresteelError {
  return new FiresteelError(
    'SPAWN_FAILED',
    `The command ${shown(spec)} has ${spec.command.length} bytes; the system takes at most ${limits.commandBytes}.`,
    { help: 'Let the command read its input from a file.' },
  )
}

function hasNul(spec: CommandSpec): FiresteelError {
  return new FiresteelError(
    'SPAWN_FAILED',
    `The command ${shown(spec)} has a NUL byte, which no command can have.`,
    {
      help: 'Items that end with NUL are read with -0.',
    },
  )
}

const SHOWN = innerLimits.commandShownChars

function shown({ command }: CommandSpec): string {
  const text = Buffer.from(command).toString()
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text)
}
