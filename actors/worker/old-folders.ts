import { limits } from '../../runtime/limits.js'

/** Where the output of ended work lies. */
export interface OutputFolder {
  /** `app-.../N` or `driver-...`. */
  readonly id: string
  /** Last change of what is in it: about when it ended. */
  readonly changedAtMs: number
  /** Its age counts from here: with an application's folder, from the application's end. */
  readonly ageFromMs: number
}

/** Which folders of ended work go: those that are too old, then the oldest of too many, first of each application. */
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
