import { isAlive, type ProcessIdentity } from '../../runtime/process/find-process.js'
import { GroupFollower } from '../../runtime/process/process-group.js'
import { readProcessTable } from '../../runtime/process/process-table.js'
import { sendSignal } from '../../runtime/process/send-signal.js'

const LOOK_MS = 200

/** All that look. They share each table, because reading one takes a look at every process of the machine. */
const watches = new Set<ProcessWatch>()
let timer: NodeJS.Timeout | undefined

function lookTogether(): void {
  const table = readProcessTable()
  for (const watch of watches) watch.look(table)
}

/** Knows every process that descends from one, also those whose parents have died. */
export class ProcessWatch {
  readonly #follower: GroupFollower
  readonly #seen = new Map<number, string>()

  constructor(root: ProcessIdentity) {
    this.#follower = new GroupFollower(root, { ownGroup: true, followDescendants: true })
    watches.add(this)
    timer ??= setInterval(lookTogether, LOOK_MS).unref()
  }

  /** Remembers the present processes. Call it before you kill any: orphans cannot be found afterwards. */
  look(table = readProcessTable()): void {
    for (const { pid, startTime } of this.#follower.members(table)) this.#seen.set(pid, startTime)
  }

  /** Processes seen at any time that still run. */
  survivors(): ProcessIdentity[] {
    return [...this.#seen].map(([pid, startTime]) => ({ pid, startTime })).filter(isAlive)
  }

  killSurvivors(): void {
    for (const { pid } of this.survivors()) sendSignal(pid, 'SIGKILL')
  }

  close(): void {
    watches.delete(this)
    if (watches.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}
