import type { CommandPart } from './part-files.js'
import type { CommandEnd } from './report.js'

/** Where the output of commands goes. */
export interface Outputs {
  /** Output of a command that has not ended. Resolves when more of it may come. */
  part(part: CommandPart): Promise<void>
  end(end: CommandEnd): Promise<void>
  /** This command does not run, because it has run before. */
  skip(number: number): void
  /** No more will come: prints what waits. */
  rest(): Promise<void>
  /** Removes what was kept. */
  close(): Promise<void>
}
