/** One line of the supervised driver: its generation, its process, and the shared time. */
export interface Beat {
  readonly generation: number
  readonly pid: number
  readonly atMs: number
}

export interface GenerationCounts {
  /** Pairs of processes of one driver that ran at the same time. */
  readonly atOnce: number
  /** Starts after the first. */
  readonly restarts: number
}

/** Lines as `service.ts` writes them; an unfinished last one is left out. */
export function parseBeats(text: string): Beat[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [generation, pid, atMs] = line.split(' ').map(Number)
      return { generation: generation!, pid: pid!, atMs: atMs! }
    })
}

/** A process ran from its first line to its last. */
export function countGenerations(beats: readonly Beat[]): GenerationCounts {
  const lives = new Map<string, { firstMs: number; lastMs: number }>()
  for (const { generation, pid, atMs } of beats) {
    const key = `${generation}/${pid}`
    const life = lives.get(key)
    if (life === undefined) lives.set(key, { firstMs: atMs, lastMs: atMs })
    else life.lastMs = atMs
  }
  const all = [...lives.values()]
  let atOnce = 0
  for (const [index, a] of all.entries()) {
    for (const b of all.slice(index + 1)) if (a.firstMs <= b.lastMs && b.firstMs <= a.lastMs) atOnce++
  }
  return { atOnce, restarts: Math.max(0, all.length - 1) }
}
