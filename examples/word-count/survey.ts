import { type OnUnreadable, walk } from './walk.js'

/** The size of the work, for the progress and for the final check that nothing was lost. */
export interface Survey {
  readonly files: number
  readonly bytes: number
}

/** Examines names and sizes only. The tasks open the files and find out which are text. */
export async function survey(paths: readonly string[], onUnreadable: OnUnreadable): Promise<Survey> {
  let files = 0
  let bytes = 0
  for await (const file of walk(paths, onUnreadable)) {
    files++
    bytes += file.bytes
  }
  return { files, bytes }
}
