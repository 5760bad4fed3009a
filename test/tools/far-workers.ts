import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, startChild } from '../../runtime/process/child.js'
import { sendSignal } from '../../runtime/process/send-signal.js'
import { runCommand } from '../harness/run-command.js'
import { binPath, commandEnvironment } from '../harness/up-process.js'
import { waitUntil } from '../harness/wait-until.js'

export interface FarWorkerOptions {
  readonly name: string
  /** Addresses of the Masters. */
  readonly address: string
  readonly secret: string
  readonly cluster: string
  /** Folders of this machine that it sees empty. */
  readonly hidden: readonly string[]
  /** Bytes of the disk below its folder; absent: that of this machine. */
  readonly diskBytes?: number
  readonly label?: string
}

/** In a mount namespace of its own, `$1` folders are hidden, and the rest is the command. */
const HIDE = `
n="$1"; shift
while [ "$n" -gt 0 ]; do mount -t tmpfs -o "$2" none "$1" || exit 9; shift 2; n=$((n - 1)); done
exec "$@"`

/** Why this machine allows no far Worker; false if it does. */
export async function farWorkersRefused(): Promise<string | false> {
  if (process.platform !== 'linux') return 'needs the mount namespaces of Linux'
  const { code, stderr } = await runCommand({
    command: 'unshare',
    args: ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt'],
    cwd: '/',
    env: { PATH: process.env.PATH ?? '' },
  })
  return code === 0 ? false : `unshare: ${stderr.trim() || `exit ${code}`}`
}

/** A Worker that does not see the files of this process, as if it were on another machine. */
export class FarWorker {
  readonly name: string
  /** Its working folder, which holds its cache of code. */
  readonly folder: string
  readonly #child: Child
  #said = ''
  /** Whoever ends without stopping it leaves nothing behind. */
  readonly #kill = (): void => {
    sendSignal(-this.pid, 'SIGKILL')
  }

  private constructor(name: string, folder: string, child: Child) {
    this.name = name
    this.folder = folder
    this.#child = child
    process.once('exit', this.#kill)
    child.stdout?.on('data', (bytes: Buffer) => {
      this.#said += String(bytes)
    })
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#said += String(bytes)
    })
  }

  /** Resolves when a Master has registered it. */
  static async start(options: FarWorkerOptions): Promise<FarWorker> {
    const far = await FarWorker.launch(options)
    try {
      await waitUntil(`${options.name} to be ready`, () => {
        if (far.#said.includes('"ready"')) return true
        throw new Error(far.#said)
      })
    } catch (error) {
      await far.stop()
      throw error
    }
    return far
  }

  /** Resolves when its process runs, whatever becomes of it. */
  static async launch(options: FarWorkerOptions): Promise<FarWorker> {
    const { name, address, secret, cluster, hidden, diskBytes, label } = options
    const folder = await mkdtemp(join(tmpdir(), 'firesteel-far-'))
    const mounts = hidden.flatMap((path) => [path, 'size=4k'])
    if (diskBytes !== undefined) mounts.push(folder, `size=${diskBytes}`)
    const worker = [process.execPath, binPath, 'worker', '--master', address, '--name', name]
    const place = [
      '--cluster',
      cluster,
      '--port',
      '0',
      '--web',
      '0',
      '--cores',
      '2',
      '--memory',
      '1g',
      '--json',
    ]
    const labels = label === undefined ? [] : ['--label', label]
    const child = await startChild({
      command: 'unshare',
      args: [
        '-rm',
        'sh',
        '-c',
        HIDE,
        'sh',
        String(mounts.length / 2),
        ...mounts,
        ...worker,
        ...place,
        ...labels,
      ],
      cwd: folder,
      env: commandEnvironment({ FIRESTEEL_SECRET: secret }),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      ownGroup: true,
    })
    return new FarWorker(name, folder, child)
  }

  get pid(): number {
    return this.#child.pid
  }

  /** What it wrote. */
  get said(): string {
    return this.#said
  }

  /** Where its work and its code are. */
  get cache(): string {
    return join(this.folder, '.firesteel', 'work', this.name, 'code')
  }

  async stop(graceMs = 5000): Promise<void> {
    await this.#child.stop({ graceMs })
    await this.#child.exited
    process.off('exit', this.#kill)
    await runCommand({
      command: 'chmod',
      args: ['-R', 'u+w', this.folder],
      cwd: '/',
      env: commandEnvironment(),
    })
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
