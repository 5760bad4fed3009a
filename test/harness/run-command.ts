import { type Child, startChild } from '../../runtime/process/child.js'

export interface CommandOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Written to its stdin, which is then closed. */
  readonly input?: string | Uint8Array
  /** After this it is killed, and the call rejects. Default 60,000. */
  readonly timeoutMs?: number
  /** When aborted, the command gets SIGINT, as from Ctrl-C. */
  readonly signal?: AbortSignal
}

export interface CommandOutcome {
  /** Null if a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command to its end. Rejects with its output so far if it cannot be started or takes too long. */
export async function runCommand(options: CommandOptions): Promise<CommandOutcome> {
  const { command, args, cwd, env, input, timeoutMs = 60_000, signal } = options
  const child = await startChild({
    command,
    args,
    cwd,
    env,
    stdin: input === undefined ? 'ignore' : 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    ownGroup: true,
    // What `up --detach` leaves running is meant to run on.
    followDescendants: false,
  })
  const stdout = textOf(child, 'stdout')
  const stderr = textOf(child, 'stderr')
  // The command does not read its input, or has ended. Its exit shows it.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  const interrupt = (): void => child.signal('SIGINT')
  signal?.addEventListener('abort', interrupt, { once: true })
  if (signal?.aborted) interrupt()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    void child.stop({ graceMs: 1000 })
  }, timeoutMs)
  const exit = await child.exited
  await child.closed
  clearTimeout(timer)
  signal?.removeEventListener('abort', interrupt)
  const outcome = { ...exit, stdout: stdout(), stderr: stderr() }
  if (!isLate) return outcome
  const said = `stdout:\n${outcome.stdout}\nstderr:\n${outcome.stderr}`
  throw new Error(`${[command, ...args].join(' ')} took longer than ${timeoutMs} ms\n${said}`)
}

function textOf(child: Child, name: 'stdout' | 'stderr'): () => string {
  const chunks: Buffer[] = []
  child[name]?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}
