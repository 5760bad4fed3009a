import { type Stats, statSync } from 'node:fs'
import { limits } from '../../runtime/limits.js'
import { CommandShell } from '../../runtime/process/command-shell.js'

/** Where and how commands run. All commands of a call have the same one, so it is compared as an object. */
export interface ShellPlace {
  readonly cwd: string
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>
}

interface KnownShell {
  readonly shell: CommandShell
  readonly place: ShellPlace
  readonly folder: FolderIdentity | undefined
}

type FolderIdentity = Pick<Stats, 'dev' | 'ino'>

/** The shells of one task thread. A shell that has run a command runs the next one of the same place. */
export class CommandShells {
  readonly #taken = new Map<CommandShell, KnownShell>()
  #idle: KnownShell[] = []

  /** A shell that is in the caller's hands until `release`. Rejects with FOLDER_MISSING or SPAWN_FAILED. */
  async take(place: ShellPlace): Promise<CommandShell> {
    const folder = statSync(place.cwd, { throwIfNoEntry: false })
    const at = this.#idle.findIndex((known) => known.place === place && isSame(known.folder, folder))
    let known = this.#idle.splice(at, at === -1 ? 0 : 1)[0]
    if (known === undefined || known.shell.ended) {
      this.#closeIdle()
      const shell = await CommandShell.start({ ...place, graceMs: limits.commandGraceMs })
      known = { shell, place, folder }
    }
    this.#taken.set(known.shell, known)
    return known.shell
  }

  release(shell: CommandShell): void {
    const known = this.#taken.get(shell)
    this.#taken.delete(shell)
    if (known !== undefined && !shell.ended) this.#idle.push(known)
    else void shell.close()
  }

  /** Shells of another place, or of a folder that is gone, are not kept. */
  #closeIdle(): void {
    for (const { shell } of this.#idle) void shell.close()
    this.#idle = []
  }
}

/** A folder that was removed and made anew is another one. */
const isSame = (known: FolderIdentity | undefined, found: FolderIdentity | undefined): boolean =>
  known !== undefined && known.ino === found?.ino && known.dev === found.dev
