import { pathProblem } from '../../runtime/http/path-probe.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { pause } from '../../runtime/pause.js'
import type { OutputFile } from '../../runtime/process/output-file.js'
import { readOutput } from '../../runtime/process/read-output.js'
import { portProblem } from '../../runtime/transport/port-probe.js'
import type { Healthcheck, Readiness } from '../messages/common.js'
import type { ProcessName } from './worker-events.js'

/* Looks at drivers from outside: is one ready, is it well? On this machine only. */

const LINE_BYTES = innerLimits.probeLineBytes

interface Target {
  readonly port?: number | undefined
  readonly path?: string | undefined
}

/** Why it does not answer; undefined: it does. */
export function probePort({ port = 0, path }: Target, signal: AbortSignal): Promise<string | undefined> {
  return path === undefined ? portProblem(port, signal) : pathProblem(port, path, signal)
}

/** What a driver has printed on standard output since this was made: has it the line? */
class LineSearch {
  readonly #file: OutputFile
  readonly #line: string
  #offset: number
  #rest = ''

  constructor(file: OutputFile, line: string, offset: number) {
    this.#file = file
    this.#line = line
    this.#offset = offset
  }

  look(within: string): boolean {
    for (;;) {
      const page = readOutput(this.#file.path, { within, offset: this.#offset, maxBytes: LINE_BYTES })
      if (page.data.length === 0) return false
      this.#offset = page.next
      const text = this.#rest + page.data.toString('utf8')
      if (text.includes(this.#line)) return true
      this.#rest = text.slice(-this.#line.length)
    }
  }
}

export interface ProbesOptions {
  /** The work folder. */
  readonly within: string
  readonly onReady: (process: ProcessName) => void
  readonly onUnhealthy: (process: ProcessName, reason: string) => void
}

/** The looks at all processes of a Worker. They end with the process. */
export class Probes {
  readonly #options: ProbesOptions
  readonly #underWay = new Map<ProcessName, AbortController>()

  constructor(options: ProbesOptions) {
    this.#options = options
  }

  /** `from`: where the output of this process begins. */
  ready(process: ProcessName, readiness: Readiness, file: OutputFile | undefined, from: number): void {
    const search =
      readiness.line !== undefined && file ? new LineSearch(file, readiness.line, from) : undefined
    const signal = this.#begin(process)
    const look = async (): Promise<boolean> =>
      search ? search.look(this.#options.within) : (await probePort(readiness, signal)) === undefined
    void this.#untilReady(process, look, signal)
  }

  health(process: ProcessName, healthcheck: Healthcheck): void {
    void this.#watch(process, healthcheck, this.#begin(process))
  }

  stop(process: ProcessName): void {
    this.#underWay.get(process)?.abort()
    this.#underWay.delete(process)
  }

  close(): void {
    for (const process of [...this.#underWay.keys()]) this.stop(process)
  }

  #begin(process: ProcessName): AbortSignal {
    this.stop(process)
    const controller = new AbortController()
    this.#underWay.set(process, controller)
    return controller.signal
  }

  async #untilReady(process: ProcessName, look: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // An output that cannot be read now may be readable at the next look.
      const isReady = await look().catch(() => false)
      if (signal.aborted) return
      if (isReady) {
        this.#options.onReady(process)
        return
      }
      await pause(limits.readinessEveryMs, signal)
    }
  }

  async #watch(process: ProcessName, healthcheck: Healthcheck, signal: AbortSignal): Promise<void> {
    const { everyMs = limits.probeEveryMs, failures = limits.probeFailures } = healthcheck
    let failed = 0
    while (!signal.aborted) {
      await pause(everyMs, signal)
      if (signal.aborted) return
      const problem = await probePort(healthcheck, signal)
      if (signal.aborted) return
      failed = problem === undefined ? 0 : failed + 1
      if (problem === undefined || failed < failures) continue
      this.#options.onUnhealthy(process, `${problem}, ${failed === 1 ? 'once' : `${failed} times in a row`}`)
      return
    }
  }
}
