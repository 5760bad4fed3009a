import { type FileHandle, open, readFile } from 'node:fs/promises'
import { finishedIn, joblogHeader, joblogLine, type Resume } from './joblog.js'
import type { CommandEnd } from './report.js'

/** The file of `--joblog`. A line is written whole when its command ends. */
export class JoblogFile {
  readonly #file: FileHandle

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** Begins the log anew, or goes on after what it has. */
  static async open(
    path: string,
    resume: Resume | undefined,
  ): Promise<{ log: JoblogFile; finished: ReadonlySet<number> }> {
    const before = resume === undefined ? '' : await readFile(path, 'latin1').catch(missing)
    const file = await open(path, resume === undefined ? 'w' : 'a')
    // A line that was cut by a crash must not swallow the next one.
    if (before !== '' && !before.endsWith('\n')) await file.write('\n')
    if (before === '') await file.write(joblogHeader)
    return { log: new JoblogFile(file), finished: finishedIn(before, resume ?? 'done') }
  }

  async add(end: CommandEnd): Promise<void> {
    // All of it: `write` may take a part of a line and say nothing.
    await this.#file.appendFile(joblogLine(end))
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

function missing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
