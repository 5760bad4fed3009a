import type { Readable } from 'node:stream'
import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { context } from './task.js'

/** A command of `each`, as the caller gives it. */
export interface CommandSpec {
  /** The text for `sh -c`. */
  readonly command: string
  readonly cwd: string
  /** Added to PATH, HOME, LANG, TZ and TMPDIR of the executor. */
  readonly env: Readonly<Record<string, string>>
  /**
   * More output than this fails with RESULT_TOO_LARGE. Default: maxResultBytes less what a result needs
   * beside it.
   */
  readonly maxOutputBytes?: number
}

export interface CommandResult {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  /** Milliseconds of wall time. */
  readonly startedAtMs: number
  readonly ms: number
  readonly host: string
}

/** What a result needs beside its output: names, numbers, framing. */
const RESULT_CAPACITY_BYTES = innerLimits.commandRestBytes

/**
 * Descriptor 3 is a pipe from this executor. Whenever the pipe ends, the watcher kills the command's whole
 * group. The command itself gets neither the descriptor nor the watcher's output.
 */
const WATCHED = '(read -r _ <&3; kill -9 0) >/dev/null 2>&1 & exec 3<&-; exec /bin/sh -c "$1"'

/**
 * Runs a command in a process group of its own. The group ends with the task. An exit code other than 0 is a
 * result, not a failure. Throws FOLDER_MISSING with host and folder, RESULT_TOO_LARGE, SPAWN_FAILED.
 */
export async function command(spec: CommandSpec): Promise<CommandResult> {
  const { signal: aborted, executor } = context()
  const { host } = executor
  const startedAtMs = Date.now()
  const beganMs = performance.now()
  const child = await start(spec, host)
  const end = (): void => void child.stop({ graceMs: limits.commandGraceMs })
  aborted.addEventListener('abort', end)
  if (aborted.aborted) end()
  try {
    const capacity = { bytes: spec.maxOutputBytes ?? limits.maxResultBytes - RESULT_CAPACITY_BYTES }
    const outputs = Promise.all([collect(child.stdout, capacity, end), collect(child.stderr, capacity, end)])
    const exit = await child.exited
    const ms = performance.now() - beganMs
    await child.groupGone
    const [stdout, stderr] = await outputs
    aborted.throwIfAborted()
    if (capacity.bytes < 0) {
      throw new FiresteelError(
        'RESULT_TOO_LARGE',
        `The output of ${shown(spec.command)} is too large to be sent.`,
        {
          help: 'Let the command write to a file.',
        },
      )
    }
    return { code: exit.code, signal: exit.signal, stdout, stderr, startedAtMs, ms, host }
  } finally {
    aborted.removeEventListener('abort', end)
  }
}

async function start({ command: text, cwd, env }: CommandSpec, host: string): ReturnType<typeof startChild> {
  try {
    return await startChild({
      command: '/bin/sh',
      args: ['-c', WATCHED, 'sh', text],
      cwd,
      env: childEnvironment(env),
      stdout: 'pipe',
      stderr: 'pipe',
      control: true,
      ownGroup: true,
      leftoverGraceMs: limits.commandGraceMs,
    })
  } catch (cause) {
    if (!isFiresteelError(cause, 'FOLDER_MISSING')) throw cause
    throw new FiresteelError('FOLDER_MISSING', `The folder ${cwd} does not exist on ${host}.`, {
      place: `${host}:${cwd}`,
      cause,
    })
  }
}

/** Reads to the end. Beyond the capacity it drops all output and ends the command. */
async function collect(
  stream: Readable | undefined,
  capacity: { bytes: number },
  end: () => void,
): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of (stream ?? []) as AsyncIterable<Buffer>) {
    capacity.bytes -= chunk.length
    if (capacity.bytes >= 0) chunks.push(chunk)
    else end()
  }
  return capacity.bytes >= 0 ? new Uint8Array(Buffer.concat(chunks)) : new Uint8Array(0)
}

const shown = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text)
