import { isAlive, type ProcessIdentity } from '../../runtime/process/find-process.js'
import { GroupFollower } from '../../runtime/process/process-group.js'
import { readProcessTable } from '../../runtime/process/process-table.js'
import { sendSignal } from '../../runtime/process/send-signal.js'

const LOOK_MS = 200

/** Knows every process that descends from one, also those whose parents have died. */
export class ProcessWatch {
  readonly #follower: GroupFollower
  readonly #seen = new Map<number, string>()
  readonly #timer: NodeJS.Timeout

  constructor(root: ProcessIdentity) {
    this.#follower = new GroupFollower(root, { ownGroup: true, followDescendants: true })
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
  }

  /** Remembers the present processes. Call it before you kill any: orphans cannot be found afterwards. */
  look(): void {
    for (const { pid, startTime } of this.#follower.members(readProcessTable()))
      this.#seen.set(pid, startTime)
  }

  /** Processes seen at any time that still run. */
  survivors(): ProcessIdentity[] {
    return [...this.#seen].map(([pid, startTime]) => ({ pid, startTime })).filter(isAlive)
  }

  killSurvivors(): void {
    for (const { pid } of this.survivors()) sendSignal(pid, 'SIGKILL')
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
