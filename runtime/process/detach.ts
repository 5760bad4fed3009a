import { startChild } from './child.js'
import type { ProcessExit } from './child-end.js'
import type { ControlPipe } from './control-pipe.js'
import { openOutputFile } from './output-file.js'

export interface DetachOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Its stdout and stderr are appended here. Nobody rotates this file once we have ended. */
  readonly outputPath: string
  /** Written to its descriptor 3 first. */
  readonly boot?: string
}

/** A process that outlives this one. */
export interface DetachedProcess {
  readonly pid: number
  readonly startTime: string
  readonly exited: Promise<ProcessExit>
  /** Used until `release`: the process says here when it is ready. It ignores the end of this pipe. */
  readonly control: ControlPipe
  /** Lets this process end while the other one runs on. */
  release(): void
}

/**
 * Starts a process in a session of its own. It runs on when this process and its terminal are gone (`up
 * --detach`).
 */
export async function startDetached(options: DetachOptions): Promise<DetachedProcess> {
  const output = await openOutputFile(options.outputPath, { checkMs: 2 ** 30 })
  try {
    const child = await startChild({
      command: options.command,
      args: options.args,
      cwd: options.cwd,
      env: options.env,
      stdout: output,
      stderr: output,
      ownGroup: true,
      followDescendants: false,
      control: true,
      ...(options.boot === undefined ? {} : { boot: options.boot }),
    })
    const control = child.control!
    return {
      pid: child.pid,
      startTime: child.startTime,
      exited: child.exited,
      control,
      release() {
        control.end()
        child.unref()
      },
    }
  } finally {
    // The process has its own copy of the descriptor.
    await output.close()
  }
}
