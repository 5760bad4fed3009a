import { innerLimits } from '../inner-limits.js'

/** What happened to the messages of one type in this process. All values only grow. */
export class MessageCount {
  readonly type: string
  /** Came over a link. */
  received = 0
  /** Left over a link. */
  sent = 0
  /** Handled by an actor of this process, wherever they came from. */
  handled = 0
  /** Time of the event loop that their handlers took. */
  handlerMs = 0
  /** Handled since the clock was read last. */
  untimed = 0

  constructor(type: string) {
    this.type = type
  }
}

/**
 * Counts messages by type. It is close to the path of each message, so it only changes numbers. It reads no
 * clock: `took` shares the time between two readings of its caller among the messages that were handled in
 * it.
 */
export class MessageCounts {
  readonly #byType = new Map<string, MessageCount>()
  readonly #other = new MessageCount('other')
  #last = this.#other
  /** The types that were handled since the last `took`, and how many messages. */
  readonly #untimed: MessageCount[] = []
  #untimedMessages = 0

  /** The counts of a type. Types are bounded by the catalogue; a defect must not make ever more series. */
  of(type: string): MessageCount {
    if (this.#last.type === type) return this.#last
    let count = this.#byType.get(type)
    if (count === undefined) {
      if (this.#byType.size >= innerLimits.metricMessageTypes) return this.#other
      count = new MessageCount(type)
      this.#byType.set(type, count)
    }
    this.#last = count
    return count
  }

  /** So many messages of this type were handled. */
  handled(type: string, messages = 1): void {
    const count = this.of(type)
    count.handled += messages
    if (count.untimed === 0) this.#untimed.push(count)
    count.untimed += messages
    this.#untimedMessages += messages
  }

  /** All that was handled since the last call took this long together. */
  took(ms: number): void {
    if (this.#untimedMessages === 0) return
    const share = Math.max(0, ms) / this.#untimedMessages
    for (const count of this.#untimed) {
      count.handlerMs += share * count.untimed
      count.untimed = 0
    }
    this.#untimed.length = 0
    this.#untimedMessages = 0
  }

  /** Of each type so far, in the order in which they appeared. */
  get all(): readonly MessageCount[] {
    return this.#other.handled + this.#other.received + this.#other.sent > 0
      ? [...this.#byType.values(), this.#other]
      : [...this.#byType.values()]
  }
}
