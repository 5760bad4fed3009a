/** A server process as its clients see it: up, down, or frozen with requests that wait. */
export class SimServer {
  readonly name: string
  readonly #waiting: (() => void)[] = []
  readonly #connected = new Set<() => void>()
  #state: 'up' | 'down' | 'frozen' = 'up'

  constructor(name: string) {
    this.name = name
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** Stops answering. */
  stop(): void {
    this.#state = 'down'
    this.#waiting.length = 0
  }

  start(): void {
    this.#state = 'up'
    for (const told of [...this.#connected]) told()
  }

  freeze(): void {
    this.#state = 'frozen'
  }

  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'up'
    for (const run of this.#waiting.splice(0)) run()
  }

  /** Calls back for each connection that came back. */
  onReconnected(told: () => void): () => void {
    this.#connected.add(told)
    return () => void this.#connected.delete(told)
  }

  /** A request has arrived: it runs now, or when the process wakes. */
  protected arrives(run: () => void): void {
    if (this.#state === 'frozen') this.#waiting.push(run)
    else run()
  }
}
