import { chmod, copyFile, link, lstat, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { innerLimits } from '../inner-limits.js'
import { FOLDER_MODE, removeTree } from './cache-files.js'
import { hashFile } from './hash-file.js'
import { IncomingFile } from './incoming-file.js'
import { type CodeFile, type Manifest, readManifest } from './manifest.js'

/** Where a file with the same content may lie on this machine. */
interface LocalFile {
  readonly path: string
  /** It lies in the cache: nobody changes it, so one more name for it is enough. */
  readonly ours: boolean
}

const keyOf = ({ hash, executable }: CodeFile): string => `${hash}${executable ? 'x' : '-'}`

/** One code that is being made in a folder of its own. Nobody sees it before it is whole. */
export class CodeDraft {
  readonly manifest: Manifest
  readonly #folder: string
  /** Places in the manifest, by content. */
  readonly #places = new Map<string, number[]>()
  /** Places of what is not there yet, each content once. */
  readonly #lacking = new Set<number>()

  constructor(folder: string, manifest: Manifest) {
    this.#folder = folder
    this.manifest = manifest
    for (const [at, file] of manifest.files.entries()) {
      const places = this.#places.get(keyOf(file))
      if (places) places.push(at)
      else this.#places.set(keyOf(file), [at])
    }
  }

  get folder(): string {
    return this.#folder
  }

  /** In the order of the manifest. */
  get lacking(): number[] {
    return [...this.#lacking].sort((a, b) => a - b)
  }

  /** Takes what this machine has, and checks it. What it lacks must be received. */
  async fill(others: readonly string[], localRoot: string | undefined): Promise<void> {
    await this.#makeFolders()
    const known = await this.#known(others)
    const open = [...this.#places.values()]
    const fillSome = async (): Promise<void> => {
      for (let places = open.pop(); places !== undefined; places = open.pop()) {
        const [at] = places as [number]
        const file = this.manifest.files[at] as CodeFile
        const ours = known.get(keyOf(file))
        const found =
          (ours !== undefined && (await this.#takeLocal({ path: ours, ours: true }, at))) ||
          (localRoot !== undefined &&
            (await this.#takeLocal({ path: join(localRoot, file.path), ours: false }, at)))
        if (found) await this.#spread(at)
        else this.#lacking.add(at)
      }
    }
    await Promise.all(Array.from({ length: innerLimits.codeOpenFiles }, fillSome))
  }

  /** Receives the content of a file. */
  receive(at: number): IncomingFile {
    const file = this.manifest.files[at] as CodeFile
    return new IncomingFile(this.#pathOf(at), file, async () => {
      await this.#spread(at)
      this.#lacking.delete(at)
    })
  }

  /** Every file is there. From now on nothing in it is to be written. */
  async seal(boot: string): Promise<void> {
    const { manifest } = this
    await writeFile(join(this.#folder, 'manifest'), manifest.text, { mode: 0o444, flush: true } as object)
    // Node looks for the nearest package.json: that of another program above the cache is not meant.
    await writeFile(join(this.#folder, 'package.json'), '{}\n', { mode: 0o444 })
    const meta = { bytes: manifest.bytes, files: manifest.files.length, boot }
    await writeFile(join(this.#folder, 'meta.json'), JSON.stringify(meta), { flush: true } as object)
    // Who may come here is a matter of the cache, and whoever may, reads.
    await chmod(join(this.#folder, 'package.json'), 0o444)
    await chmod(this.#folder, 0o755)
    for (const folder of [...this.#folders()].reverse())
      await chmod(join(this.#folder, 'files', folder), FOLDER_MODE)
  }

  abandon(): Promise<void> {
    return removeTree(this.#folder)
  }

  #pathOf(at: number): string {
    return join(this.#folder, 'files', (this.manifest.files[at] as CodeFile).path)
  }

  /** Parents come first; '' is the folder of all. */
  #folders(): Set<string> {
    const folders = new Set<string>([''])
    for (const { path } of this.manifest.files) {
      for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1))
        folders.add(path.slice(0, at))
    }
    return folders
  }

  async #makeFolders(): Promise<void> {
    for (const folder of this.#folders())
      await mkdir(join(this.#folder, 'files', folder), { recursive: true })
  }

  /** Content -> a file of another code in the cache. */
  async #known(others: readonly string[]): Promise<Map<string, string>> {
    const known = new Map<string, string>()
    for (const other of others) {
      try {
        const id = other.slice(other.lastIndexOf('/') + 1)
        const { files } = await readManifest(await readFile(join(other, 'manifest')), id)
        for (const file of files) {
          if (this.#places.has(keyOf(file))) known.set(keyOf(file), join(other, 'files', file.path))
        }
      } catch {
        // It was removed meanwhile, or is damaged: its content comes from elsewhere.
      }
    }
    return known
  }

  async #takeLocal({ path, ours }: LocalFile, at: number): Promise<boolean> {
    const { hash, bytes, executable } = this.manifest.files[at] as CodeFile
    const target = this.#pathOf(at)
    try {
      const info = await lstat(path)
      if (!info.isFile() || info.size !== bytes) return false
      if (ours) {
        if ((await hashFile(path)).hash !== hash) return false
        await link(path, target)
        return true
      }
      await copyFile(path, target)
      if ((await hashFile(target)).hash === hash) {
        await chmod(target, executable ? 0o555 : 0o444)
        return true
      }
    } catch {
      // Whatever is wrong there, the content comes from elsewhere.
    }
    await unlink(target).catch(() => undefined)
    return false
  }

  /** Gives the content to the other places that have it. */
  async #spread(at: number): Promise<void> {
    const file = this.manifest.files[at] as CodeFile
    for (const other of this.#places.get(keyOf(file)) ?? []) {
      if (other === at) continue
      // A file system may have no links, or no more of them for one file.
      await link(this.#pathOf(at), this.#pathOf(other)).catch(() =>
        copyFile(this.#pathOf(at), this.#pathOf(other)),
      )
    }
  }
}
