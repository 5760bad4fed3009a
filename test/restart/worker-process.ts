import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { OutputTail } from '../harness/output-tail.js'
import { waitUntil } from '../harness/wait-until.js'

const main = fileURLToPath(new URL('../tools/restart-process.js', import.meta.url))
/** Far more than a process takes to begin, and short enough to wait for. */
const RESTART_MS = 8000

/** A Worker in a process that says each step of a restart. At `stop` it stays, or kills its guard. */
export class WorkerProcess {
  readonly #child: Child
  readonly #said: OutputTail
  #hasEnded = false

  private constructor(child: Child) {
    this.#child = child
    this.#said = new OutputTail(child.stdout!, 100)
    void child.exited.then(() => {
      this.#hasEnded = true
    })
  }

  static async start(workDir: string, masters: string, stop = ''): Promise<WorkerProcess> {
    return new WorkerProcess(
      await startChild({
        command: process.execPath,
        args: [main, workDir, masters, String(RESTART_MS), stop],
        cwd: '/',
        env: childEnvironment(),
        stdout: 'pipe',
        stderr: 'inherit',
        ownGroup: true,
        followDescendants: false,
      }),
    )
  }

  says(step: string): Promise<unknown> {
    return waitUntil(`the step ${step}`, () => this.#said.text.split('\n').includes(step))
  }

  restart(): void {
    this.#child.signal('SIGUSR2')
  }

  /** It has ended by itself. */
  async left(): Promise<void> {
    await waitUntil('the Worker to leave', () => this.#hasEnded)
  }

  async kill(): Promise<void> {
    this.#child.signal('SIGKILL')
    await this.#child.exited
  }
}
