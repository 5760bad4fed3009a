import { startChild } from './child.js'
import type { ProcessExit } from './child-end.js'
import type { ControlPipe } from './control-pipe.js'
import { openOutputFile } from './output-file.js'

export interface DetachOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Where its stdout and stderr go, appended. Nobody rotates this file once we have ended. */
  readonly outputPath: string
  /** Written to its descriptor 3 first. */
  readonly boot?: string
}

/** A process that outlives us. */
export interface DetachedProcess {
  readonly pid: number
  readonly startTime: string
  readonly exited: Promise<ProcessExit>
  /** Until `release`: it says when it is ready. The end of this pipe means nothing to it. */
  readonly control: ControlPipe
  /** Lets go of it: we can end, it runs on. */
  release(): void
}

/** Starts a process in a session of its own that runs on when we and our terminal are gone (`up --detach`). */
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
    // It has its own copy of the descriptor.
    await output.close()
  }
}
