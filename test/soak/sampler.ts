import { readdirSync, readFileSync } from 'node:fs'
import { identityOf } from '../../runtime/process/find-process.js'
import type { Life, Sample } from './growth.js'

/** Measures memory and descriptors of processes, each life separately. */
export class Sampler {
  readonly #lives = new Map<string, { readonly name: string; readonly samples: Sample[] }>()
  #era = 0

  get lives(): readonly Life[] {
    return [...this.#lives.values()]
  }

  /** Later samples are not compared with earlier ones. A flood leaves a larger heap that keeps its size. */
  beginAnew(): void {
    this.#era++
  }

  /** Takes one sample of each process. A process that is gone is left out. */
  look(processes: Iterable<readonly [name: string, pid: number]>): void {
    for (const [name, pid] of processes) {
      const identity = identityOf(pid)
      const sample = identity && sampleOf(pid)
      if (!sample) continue
      const key = `${this.#era}/${pid}/${identity.startTime}`
      const life = this.#lives.get(key) ?? { name: `${name} (process ${pid})`, samples: [] }
      life.samples.push(sample)
      this.#lives.set(key, life)
    }
  }
}

function sampleOf(pid: number): Sample | undefined {
  try {
    const rssKib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    if (rssKib === undefined) return undefined
    return { rssMib: Number(rssKib) / 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length }
  } catch {
    return undefined
  }
}
