import { type OnUnreadable, walk } from './walk.js'

/** What there is to do, for the progress and to check in the end that nothing was lost. */
export interface Survey {
  readonly files: number
  readonly bytes: number
}

/** Looks at names and sizes only. Files are opened, and found to be text or not, by the tasks. */
export async function survey(paths: readonly string[], onUnreadable: OnUnreadable): Promise<Survey> {
  let files = 0
  let bytes = 0
  for await (const file of walk(paths, onUnreadable)) {
    files++
    bytes += file.bytes
  }
  return { files, bytes }
}
