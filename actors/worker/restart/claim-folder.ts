import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ownFolder } from '../../../runtime/process/own-folder.js'
import * as z from '../../../runtime/zod.js'

const processIdentity = z.object({ pid: z.int(), startTime: z.string() })

/** What the next process of a Worker finds. Everything else is in the memory of the guard. */
const claimNote = z.object({
  /** The guard gives everything, once, to whoever knows it. */
  token: z.string(),
  /** Which process that is. */
  guard: processIdentity,
  /** What ran when the restart began: if the guard was killed, the next process ends it. */
  groups: z.array(processIdentity),
})
export type ClaimNote = z.infer<typeof claimNote>

/** A folder in the work folder of a Worker that only its user may enter, while the Worker restarts. */
export class ClaimFolder {
  readonly path: string

  constructor(workDir: string, workerName: string) {
    this.path = join(workDir, `restart-${workerName}`)
  }

  get #note(): string {
    return join(this.path, 'claim.json')
  }

  async write(note: ClaimNote): Promise<void> {
    await this.make()
    const draft = `${this.#note}.new`
    // Whatever has this name, such as a link, is not written through.
    await rm(draft, { recursive: true, force: true })
    await writeFile(draft, JSON.stringify(note), { mode: 0o600, flag: 'wx' })
    await rename(draft, this.#note)
  }

  async make(): Promise<void> {
    await ownFolder(this.path)
  }

  /** Undefined: no restart was announced, or its note cannot be read, which is as good as none. */
  async read(): Promise<ClaimNote | undefined> {
    try {
      const found = claimNote.safeParse(JSON.parse(await readFile(this.#note, 'utf8')))
      return found.success ? found.data : undefined
    } catch {
      return undefined
    }
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true })
  }
}
