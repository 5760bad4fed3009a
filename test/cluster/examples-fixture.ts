import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CommandOptions, type CommandOutcome, runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'

/** Folder of the examples' sources: what is no program is not compiled. */
export const sources = fileURLToPath(new URL('../../../examples/', import.meta.url))
export const bin = fileURLToPath(new URL('../../runtime/launch/cli/bin.js', import.meta.url))

/** Guards notice the end of their Worker within a second; a busy machine takes longer. */
const GONE_MS = 5000

/** A compiled example, such as `pi`. */
export const program = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}/main.js`, import.meta.url))

/**
 * A temporary folder of its own for what is run in it. All processes of a cluster get it in their
 * environment: so those that are left can be found by anybody, whoever started them and whoever lost them.
 */
export class Nest implements AsyncDisposable {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async make(): Promise<Nest> {
    return new Nest(await mkdtemp(join(tmpdir(), 'firesteel-nest-')))
  }

  /** Runs a program to its end, with nothing but PATH and this folder in its environment. */
  run(
    command: string,
    args: readonly string[],
    options: Partial<Pick<CommandOptions, 'cwd' | 'env' | 'input' | 'signal'>> = {},
  ): Promise<CommandOutcome> {
    const { cwd = this.folder, env = {}, ...rest } = options
    return runCommand({
      command,
      args,
      cwd,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', TMPDIR: this.folder, ...env },
      ...rest,
    })
  }

  node(script: string, args: readonly string[] = [], options: Parameters<Nest['run']>[2] = {}) {
    return this.run(process.execPath, [script, ...args], options)
  }

  /** Fails where a process that was started here does not end by itself, or a file is left. */
  async assertEmpty(): Promise<void> {
    await waitUntil(
      'all processes of the example to be gone',
      async () => (await this.processes()).length === 0,
      {
        deadlineMs: GONE_MS,
      },
    ).catch(async () => assert.deepEqual(await this.processes(), [], 'processes are left'))
    assert.deepEqual(await readdir(this.folder), [], 'files are left')
  }

  /**
   * Command lines of all processes that have this folder in their environment. Empty where there is no /proc.
   */
  async processes(): Promise<string[]> {
    if (process.platform !== 'linux') return []
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    const found = await Promise.all(pids.map((pid) => this.#commandOf(pid)))
    return found.filter((command) => command !== undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async #commandOf(pid: string): Promise<string | undefined> {
    try {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1')
      if (!environment.split('\0').includes(`TMPDIR=${this.folder}`)) return undefined
      return `${pid} ${(await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')}`
    } catch {
      // Ended meanwhile, or somebody else's.
      return undefined
    }
  }
}
