import { lstatSync, readdirSync } from 'node:fs'
import { innerLimits } from '../inner-limits.js'
import { NewestEntries } from '../newest-entries.js'

/** What it takes from the disk and the clock. */
export interface PartNamesDisk {
  /** All names in a folder; none where it cannot be read. */
  readonly names: (folder: string) => readonly string[]
  /** When a name came into the folder or left it, of the clock of its disk; undefined: there is no folder. */
  readonly changedAtNs: (folder: string) => bigint | undefined
  readonly nowMs: () => number
}

const nodeDisk: PartNamesDisk = {
  names: (folder) => {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  },
  changedAtNs: (folder) => lstatSync(folder, { bigint: true, throwIfNoEntry: false })?.mtimeNs,
  nowMs: Date.now,
}

interface Known {
  readonly changedAtNs: bigint
  readonly parts: readonly string[]
}

const PART = /\.\d{15}$/
/** A disk may date two changes alike that are so close. Some count whole seconds. */
const SETTLED_MS = innerLimits.folderSettledMs

/**
 * The names of parts that were rotated away, by folder. Outputs may lie where a program works, beside files
 * in any number, and each page of an output asks for its parts. So a folder is read again only once a name
 * has come or gone there.
 */
export class PartNames {
  readonly #disk: PartNamesDisk
  readonly #known = new NewestEntries<string, Known>(innerLimits.foldersKnown)

  constructor(disk: PartNamesDisk = nodeDisk) {
    this.#disk = disk
  }

  in(folder: string): readonly string[] {
    const changedAtNs = this.#disk.changedAtNs(folder)
    const known = this.#known.get(folder)
    if (changedAtNs === undefined) return []
    if (known?.changedAtNs === changedAtNs) {
      this.#known.set(folder, known)
      return known.parts
    }
    const beganAtMs = this.#disk.nowMs()
    const parts = this.#disk.names(folder).filter((name) => PART.test(name))
    // What comes now could bear the same date, and would not be noticed.
    if (beganAtMs - Number(changedAtNs / 1_000_000n) < SETTLED_MS) return parts
    this.#known.set(folder, { changedAtNs, parts })
    return parts
  }
}
