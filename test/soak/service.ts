import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MasterClient } from '../../actors/client/master-client.js'
import { driverDescription } from '../../actors/messages/samples.js'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { type Beat, countGenerations, parseBeats } from '../tools/load/generations.js'
import { sharedNowMs } from '../tools/load/shared-time.js'
import { GrowingFile } from './growing-file.js'
import { isNotedAlive, noteOf } from './noted-processes.js'
import { type Violation, violation } from './violations.js'

/** A service that is silent for longer is down. */
const BEATING_MS = 1000

/** A supervised driver that never ends by itself. */
export class Service {
  readonly key: string
  readonly onIsolation: 'run' | 'stop'
  readonly #file: GrowingFile
  readonly #beats: Beat[] = []
  /** Processes by their note (see noteOf). */
  readonly #known = new Map<string, number>()
  #generation = 0

  constructor(onIsolation: 'run' | 'stop', directory: string) {
    this.key = `service-${onIsolation}`
    this.onIsolation = onIsolation
    this.#file = new GrowingFile(join(directory, this.key))
  }

  async submit(client: MasterClient, cwd: string): Promise<void> {
    await client.request({
      type: 'RequestSubmitDriver',
      key: this.key,
      description: {
        ...driverDescription,
        name: this.key,
        main: fileURLToPath(new URL('../tools/load/service.js', import.meta.url)),
        args: [this.#file.path],
        cwd,
        supervise: true,
        onIsolation: this.onIsolation,
      },
    })
  }

  /** The pid of the running process. Undefined if there is none, or more than one. */
  async pid(): Promise<number | undefined> {
    await this.#read()
    const newest = this.#beats.at(-1)
    if (!newest || sharedNowMs() - newest.atMs > BEATING_MS) return undefined
    const alive = [...this.#known].filter(([note]) => isNotedAlive(note))
    return alive.length === 1 ? alive[0]![1] : undefined
  }

  /**
   * Says what is wrong: the driver must be in the cluster state once, RUNNING, and its generation must never
   * fall.
   */
  wrongIn({ activeDrivers }: MasterStateResponse): string | undefined {
    const known = activeDrivers.filter(({ description }) => description.name === this.key)
    const [one] = known
    if (known.length !== 1 || one?.state !== 'RUNNING') {
      return `${this.key} is ${known.map(({ state }) => state).join(', ') || 'gone'}`
    }
    if (one.generation < this.#generation) {
      return `${this.key} went back from generation ${this.#generation} to ${one.generation}`
    }
    this.#generation = one.generation
    return undefined
  }

  async violations(): Promise<Violation[]> {
    await this.#read()
    const found: Violation[] = []
    for (const generation of new Set(this.#beats.map((beat) => beat.generation))) {
      const own = this.#beats.filter((beat) => beat.generation === generation)
      const { atOnce } = countGenerations(own)
      const text = `generation ${generation} of ${this.key} ran as ${atOnce + 1} processes at once`
      if (atOnce > 0) found.push(violation('generationsTwice', text))
    }
    const { atOnce } = countGenerations(this.#beats)
    if (this.onIsolation === 'stop' && atOnce > 0) {
      found.push(violation('stopGenerationsAtOnce', `${atOnce} pairs of processes of ${this.key} overlap`))
    }
    return found
  }

  async #read(): Promise<void> {
    const lines = await this.#file.read()
    for (const beat of parseBeats(lines.map((line) => `${line}\n`).join(''))) {
      if (this.#beats.at(-1)?.pid !== beat.pid) this.#known.set(noteOf(beat.pid), beat.pid)
      this.#beats.push(beat)
    }
  }
}
