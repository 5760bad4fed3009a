import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { LauncherLine } from '../../runtime/launch/node/launcher-core.js'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { type CommandOutcome, runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'

export const bin = fileURLToPath(new URL('../../runtime/launch/cli/bin.js', import.meta.url))

export interface Call {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs one command of the command line to its end. */
export function firesteel(args: readonly string[], { cwd, env = {}, input }: Call): Promise<CommandOutcome> {
  return runCommand({
    command: process.execPath,
    args: [bin, ...args],
    cwd,
    env: { ...childEnvironment(), ...env },
    ...(input === undefined ? {} : { input }),
  })
}

const endings = new WeakMap<TestContext, (() => Promise<unknown>)[]>()

/** To be done when the test ends, before its folder goes; the newest first. */
export function atEnd(t: TestContext, action: () => Promise<unknown>): void {
  const list = endings.get(t)
  if (list) list.unshift(action)
  else t.after(action)
}

/** A folder of its own for a test. */
export async function folder(t: TestContext, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'firesteel-command-'))
  const actions: (() => Promise<unknown>)[] = []
  endings.set(t, actions)
  t.after(async () => {
    for (const action of actions) await action()
    await rm(path, { recursive: true, force: true, maxRetries: 3 })
  })
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content)
  return path
}

export type Ready = Extract<LauncherLine, { event: 'ready' }>

export interface Up {
  readonly pid: number
  readonly lines: readonly LauncherLine[]
  readonly stderr: () => string
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  /** Waits for `ready` and gives it. */
  ready(): Promise<Ready>
  signal(signal: NodeJS.Signals): void
}

/** `up --json` in the background; stopped when the test ends, if it still runs. */
export async function startUp(
  t: TestContext,
  cwd: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Up> {
  const child = await startChild({
    command: process.execPath,
    args: [bin, 'up', '--json', ...args],
    cwd,
    env: { ...childEnvironment(), ...env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    ownGroup: true,
    followDescendants: false,
  })
  atEnd(t, () => child.stop({ graceMs: 20_000 }))
  const lines: LauncherLine[] = []
  let text = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (text + chunk).split('\n')
    text = parts.pop() ?? ''
    for (const part of parts) lines.push(JSON.parse(part) as LauncherLine)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  return {
    pid: child.pid,
    lines,
    stderr: () => stderr,
    exited: child.exited,
    signal: (signal) => child.signal(signal),
    ready: () =>
      waitUntil('the cluster to be ready', () => lines.find((line): line is Ready => line.event === 'ready')),
  }
}

/** Free ports, one Master with its state on disk. */
export const smallCluster = (workers = 1): string => `
cluster: test
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers: [${Array.from({ length: workers }, (_, index) => `{name: w${index + 1}, port: 0, web: 0, cores: 2, memory: 1g}`).join(', ')}]
logging: {level: warn, format: text}
`

export const isAlive = (pid: number): boolean => {
  const found = readProcess(pid)
  return found !== undefined && found.state !== 'Z' && found.state !== 'X'
}

interface CommandError {
  readonly code: string
  readonly message: string
  readonly help: string
}

/** The error of a command with --json. A node's log goes to the same stream, and may have a later line. */
export function errorOf({ stderr }: CommandOutcome): CommandError {
  const found = stderr.split('\n').findLast((line) => line.startsWith('{"error":{'))
  if (found === undefined) throw new Error(`there is no error in ${JSON.stringify(stderr)}`)
  return (JSON.parse(found) as { error: CommandError }).error
}
