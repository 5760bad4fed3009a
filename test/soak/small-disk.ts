import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../harness/run-command.js'

const SIZE_MIB = 48
const env = { PATH: process.env.PATH ?? '' }

/** A small disk of its own for the data. */
export class SmallDisk {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Returns the reason if this machine does not allow it. */
  static async mount(path: string): Promise<SmallDisk | string> {
    await mkdir(path, { recursive: true })
    const args = ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'firesteel-soak', path]
    try {
      const { code, stderr } = await runCommand({ command: 'mount', args, cwd: path, env, timeoutMs: 5000 })
      return code === 0 ? new SmallDisk(path) : `mount: ${stderr.trim() || code}`
    } catch (error) {
      return `mount: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  /** Fills the disk to the last page. The last file takes what is left. */
  async fill(): Promise<void> {
    const block = Buffer.alloc(1024 * 1024)
    for (let i = 0; ; i++) {
      try {
        await writeFile(join(this.path, `filler-${i}`), block, { flag: 'wx' })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return
        throw error
      }
    }
  }

  async free(): Promise<void> {
    const args = ['-c', 'rm -f filler-*']
    await runCommand({ command: 'sh', args, cwd: this.path, env, timeoutMs: 5000 })
  }

  async unmount(): Promise<void> {
    await runCommand({ command: 'umount', args: ['-l', this.path], cwd: '/', env, timeoutMs: 5000 })
  }
}
