import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Breather } from '../../breather.js'
import { type ErrorParts, errorParts } from '../../errors.js'
import { codeFileError, FOLDER_MODE, fileBreather, removeTree } from '../cache-files.js'
import { hashFile } from '../hash-file.js'
import { type CodeFile, type Manifest, readManifest } from '../manifest.js'
import { IncomingFile } from './incoming-file.js'

/** Where a file with the same content may lie on this machine. */
interface LocalFile {
  readonly path: string
  /** It lies in the cache: nobody changes it, so one more name for it is enough. */
  readonly ours: boolean
}

/** Bytes of the file at `place`, among those that were given with it. */
export interface WrittenPiece {
  readonly place: number
  readonly bytes: number
  /** The file ends with it. */
  readonly last: boolean
}

export interface Written {
  /** The buffer that was given, for more. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Places of files that are whole now. */
  readonly done: readonly number[]
  /** Why one of the files is refused. What came after it was not written. */
  readonly failure?: ErrorParts
}

const keyOf = ({ hash, executable }: CodeFile): string => `${hash}${executable ? 'x' : '-'}`

/** The files of one code that is being made in a folder of its own. Nobody sees it before it is whole. */
export class DraftFiles {
  readonly #manifest: Manifest
  readonly #folder: string
  /** Places in the manifest, by content. */
  readonly #places = new Map<string, number[]>()
  readonly #incoming = new Map<number, IncomingFile>()

  constructor(folder: string, manifest: Manifest) {
    this.#folder = folder
    this.#manifest = manifest
    for (const [at, file] of manifest.files.entries()) {
      const places = this.#places.get(keyOf(file))
      if (places) places.push(at)
      else this.#places.set(keyOf(file), [at])
    }
  }

  /** Takes what this machine has, and checks it. Returns the places of the rest, each content once. */
  async fill(others: readonly string[], localRoot: string | undefined): Promise<number[]> {
    const breather = fileBreather()
    for (const folder of this.#folders()) {
      mkdirSync(join(this.#folder, 'files', folder), { recursive: true })
      if (breather.isDue(0)) await breather.rest()
    }
    const known = await this.#known(others)
    const lacking: number[] = []
    for (const [key, places] of this.#places) {
      const [at] = places as [number]
      const ours = known.get(key)
      const { path } = this.#manifest.files[at] as CodeFile
      const found =
        (ours !== undefined && (await this.#takeLocal({ path: ours, ours: true }, at, breather))) ||
        (localRoot !== undefined &&
          (await this.#takeLocal({ path: join(localRoot, path), ours: false }, at, breather)))
      if (found) this.#spread(at)
      else lacking.push(at)
      if (breather.isDue(0)) await breather.rest()
    }
    return lacking
  }

  /** Writes pieces that came, in their order, and checks each file at its end. */
  write(pieces: readonly WrittenPiece[], bytes: Uint8Array<ArrayBuffer>): Written {
    const done: number[] = []
    let from = 0
    for (const { place, bytes: length, last } of pieces) {
      const incoming = this.#incomingAt(place)
      try {
        incoming.write(bytes.subarray(from, from + length))
        from += length
        if (!last) continue
        incoming.end()
        this.#spread(place)
      } catch (error) {
        this.drop([place])
        return { bytes, done, failure: errorParts(codeFileError(error, this.#pathOf(place))) }
      }
      this.#incoming.delete(place)
      done.push(place)
    }
    return { bytes, done }
  }

  /** These files, or all that are not whole, will not come from where they began to. */
  drop(places: readonly number[] = [...this.#incoming.keys()]): void {
    for (const place of places) {
      this.#incoming.get(place)?.abandon()
      this.#incoming.delete(place)
    }
  }

  /** Every file is there, and it goes to its place. From then on nothing in it is to be written. */
  seal(target: string, boot: string): void {
    const manifest = this.#manifest
    const folder = this.#folder
    writeFileSync(join(folder, 'manifest'), manifest.text, { mode: 0o444, flush: true } as object)
    // Node looks for the nearest package.json: that of another program above the cache is not meant.
    writeFileSync(join(folder, 'package.json'), '{}\n', { mode: 0o444 })
    const meta = { bytes: manifest.bytes, files: manifest.files.length, boot }
    writeFileSync(join(folder, 'meta.json'), JSON.stringify(meta), { flush: true } as object)
    // Who may come here is a matter of the cache, and whoever may, reads.
    chmodSync(join(folder, 'package.json'), 0o444)
    chmodSync(folder, 0o755)
    for (const below of [...this.#folders()].reverse()) chmodSync(join(folder, 'files', below), FOLDER_MODE)
    renameSync(folder, target)
  }

  async abandon(): Promise<void> {
    this.drop()
    await removeTree(this.#folder)
  }

  #incomingAt(place: number): IncomingFile {
    const known = this.#incoming.get(place)
    if (known) return known
    const incoming = new IncomingFile(this.#pathOf(place), this.#manifest.files[place] as CodeFile)
    this.#incoming.set(place, incoming)
    return incoming
  }

  #pathOf(at: number): string {
    return join(this.#folder, 'files', (this.#manifest.files[at] as CodeFile).path)
  }

  /** Parents come first; '' is the folder of all. */
  #folders(): Set<string> {
    const folders = new Set<string>([''])
    for (const { path } of this.#manifest.files) {
      for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1))
        folders.add(path.slice(0, at))
    }
    return folders
  }

  /** Content -> a file of another code in the cache. */
  async #known(others: readonly string[]): Promise<Map<string, string>> {
    const known = new Map<string, string>()
    for (const other of others) {
      try {
        const id = other.slice(other.lastIndexOf('/') + 1)
        const { files } = await readManifest(readFileSync(join(other, 'manifest')), id)
        for (const file of files) {
          if (this.#places.has(keyOf(file))) known.set(keyOf(file), join(other, 'files', file.path))
        }
      } catch {
        // It was removed meanwhile, or is damaged: its content comes from elsewhere.
      }
    }
    return known
  }

  async #takeLocal({ path, ours }: LocalFile, at: number, breather: Breather): Promise<boolean> {
    const { hash, bytes, executable } = this.#manifest.files[at] as CodeFile
    const target = this.#pathOf(at)
    try {
      const info = lstatSync(path, { throwIfNoEntry: false })
      if (!info?.isFile() || info.size !== bytes) return false
      if (ours) {
        if ((await hashFile(path, breather)).hash !== hash) return false
        linkSync(path, target)
        return true
      }
      copyFileSync(path, target)
      if ((await hashFile(target, breather)).hash === hash) {
        chmodSync(target, executable ? 0o555 : 0o444)
        return true
      }
    } catch {
      // Whatever is wrong there, the content comes from elsewhere.
    }
    rmSync(target, { force: true })
    return false
  }

  /** Gives the content to the other places that have it. */
  #spread(at: number): void {
    const file = this.#manifest.files[at] as CodeFile
    for (const other of this.#places.get(keyOf(file)) ?? []) {
      if (other === at) continue
      try {
        linkSync(this.#pathOf(at), this.#pathOf(other))
      } catch {
        // A file system may have no links, or no more of them for one file.
        copyFileSync(this.#pathOf(at), this.#pathOf(other))
      }
    }
  }
}
