import { limits } from '../../runtime/limits.js'

/** A folder with the output of ended work. */
export interface OutputFolder {
  /** `app-.../N` or `driver-...`. */
  readonly id: string
  /** Last change of a file in it, which is about when the work ended. */
  readonly changedAtMs: number
  /** Its age counts from here; for an executor's folder, not before the end of its application. */
  readonly ageFromMs: number
}

/**
 * Returns the folders to remove: those that are too old, then the oldest beyond the limits per application
 * and in all.
 */
export function oldFolders(ended: readonly OutputFolder[], untilMs: number): OutputFolder[] {
  const old: OutputFolder[] = []
  const ofApplication = new Map<string, number>()
  let kept = 0
  for (const folder of [...ended].sort((a, b) => b.changedAtMs - a.changedAtMs)) {
    const owner = folder.id.split('/')[0]!
    const before = ofApplication.get(owner) ?? 0
    const isTooMany = before >= limits.workFoldersPerApplication || kept >= limits.workFolders
    if (folder.ageFromMs < untilMs || isTooMany) {
      old.push(folder)
      continue
    }
    ofApplication.set(owner, before + 1)
    kept++
  }
  return old
}
