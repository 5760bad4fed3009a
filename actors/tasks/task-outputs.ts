import type { OutputPart, PartKey } from '../messages/task-entries.js'

/** Resolves when the part has been taken. It must not reject. */
export type TakeOutput = (part: OutputPart) => Promise<void>

interface LastPart {
  readonly n: number
  readonly sequence: number
  isTaken: boolean
}

/**
 * What tasks put out before their results. A part may come twice, over one link and the next; its reader gets
 * it once. Of each task one part is read at a time, whatever its executor sends.
 */
export class TaskOutputs {
  readonly #last = new Map<number, LastPart>()
  readonly #taken: (execId: number, part: PartKey) => void

  /** `taken` lets the attempt go on. */
  constructor(taken: (execId: number, part: PartKey) => void) {
    this.#taken = taken
  }

  /** Without a reader the part is dropped, and the task goes on. */
  add(execId: number, part: OutputPart, take: TakeOutput | undefined): void {
    const { taskId, n, sequence } = part
    const last = this.#last.get(taskId)
    if (last?.n === n) {
      // Its confirmation was lost with a link.
      if (last.isTaken && last.sequence === sequence) this.#taken(execId, { taskId, n, sequence })
      if (!last.isTaken || sequence <= last.sequence) return
    }
    const entry = { n, sequence, isTaken: false }
    this.#last.set(taskId, entry)
    const taken = (): void => {
      entry.isTaken = true
      if (this.#last.get(taskId) === entry) this.#taken(execId, { taskId, n, sequence })
    }
    if (take === undefined) taken()
    else void take(part).then(taken)
  }

  ended(taskId: number): void {
    this.#last.delete(taskId)
  }
}
