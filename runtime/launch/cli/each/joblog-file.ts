import { type FileHandle, open, readFile } from 'node:fs/promises'
import { pathError } from '../named-path.js'
import { finishedIn, joblogHeader, joblogLine, type Resume } from './joblog.js'
import type { CommandEnd } from './report.js'

/** The file of `--joblog`. A line is written whole when its command ends. */
export class JoblogFile {
  readonly #path: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  /** Begins the log anew, or goes on after what it has. Throws PATH_NOT_FOUND, FILE_DENIED, DISK_FULL. */
  static async open(
    path: string,
    resume: Resume | undefined,
  ): Promise<{ log: JoblogFile; finished: ReadonlySet<number> }> {
    try {
      const before = resume === undefined ? '' : await textOf(path)
      const file = await open(path, resume === undefined ? 'w' : 'a')
      // A line that was cut by a crash must not swallow the next one.
      if (before !== '' && !before.endsWith('\n')) await file.write('\n')
      if (before === '') await file.write(joblogHeader)
      return { log: new JoblogFile(path, file), finished: finishedIn(before, resume ?? 'done') }
    } catch (cause) {
      throw pathError('--joblog', path, cause)
    }
  }

  /** The commands that need not run, by the log that is there. It stays as it is. */
  static async finished(path: string, resume: Resume): Promise<ReadonlySet<number>> {
    try {
      return finishedIn(await textOf(path), resume)
    } catch (cause) {
      throw pathError('--joblog', path, cause)
    }
  }

  async add(end: CommandEnd): Promise<void> {
    try {
      // All of it: `write` may take a part of a line and say nothing.
      await this.#file.appendFile(joblogLine(end))
    } catch (cause) {
      throw pathError('--joblog', this.#path, cause)
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

const textOf = (path: string): Promise<string> => readFile(path, 'latin1').catch(missing)

function missing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
