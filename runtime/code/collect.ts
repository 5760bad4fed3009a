import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { bytesText } from '../pages/words.js'
import { fileBreather } from './cache-files.js'
import { hashFile } from './hash-file.js'
import { type LeftBehind, leftBehindIn } from './left-behind.js'
import { type CodeFile, type Collected, makeManifest, pathProblem } from './manifest.js'
import { isNativeModule, ownPlatform } from './native-modules.js'
import { PACKAGE, packageFolderOf } from './package-folder.js'
import { productionModules } from './production-modules.js'

export interface CollectOptions {
  /** Absolute path of the folder of the code. */
  readonly folder: string
  /** False: no dependency travels. */
  readonly modules: boolean
  readonly maxBytes?: number | undefined
}

interface FoundFile {
  readonly path: string
  readonly source: string
  readonly bytes: number
  readonly executable: boolean
}

/**
 * Finds and hashes the files of a code, a little in each turn. Rejects with CODE_TOO_LARGE before it reads
 * the content of any file, CODE_UNREADABLE, CODE_MODULE_MISSING.
 */
export async function collectCode({ folder, modules, maxBytes }: CollectOptions): Promise<Collected> {
  const root = await realFolder(folder)
  const leftBehind = await leftBehindIn(root)
  const walk = new Walk(root, leftBehind)
  await walk.add(root, '')
  const packageFolder = await packageFolderOf(root)
  // It says how Node reads the files below it, and what they depend on.
  if (packageFolder !== undefined && packageFolder !== root) await walk.addFile(packageFolder, PACKAGE)
  if (modules && packageFolder !== undefined) {
    for (const { source, target } of await productionModules(packageFolder, root)) {
      if (!leftBehind(target, true)) await walk.add(source, target)
    }
  }
  checkSize(folder, walk.files, maxBytes ?? limits.codeBytes)
  return hashAll(walk.files)
}

async function realFolder(folder: string): Promise<string> {
  try {
    return await realpath(folder)
  } catch (cause) {
    throw unreadable(folder, reasonOf(cause), cause)
  }
}

const unreadable = (place: string, why: string, cause?: unknown): FiresteelError =>
  new FiresteelError('CODE_UNREADABLE', `${place} cannot travel: ${why}.`, { place, cause })

/** Collects files without reading them. */
class Walk {
  readonly files: FoundFile[] = []
  readonly #root: string
  readonly #leftBehind: LeftBehind
  readonly #breather = fileBreather()

  constructor(root: string, leftBehind: LeftBehind) {
    this.#root = root
    this.#leftBehind = leftBehind
  }

  /** `top` is the real path of a package, from which no link may lead out. */
  async add(top: string, target: string): Promise<void> {
    await this.#folder(top, target, top, new Set([top]))
  }

  /** A file that lies elsewhere. */
  async addFile(folder: string, name: string): Promise<void> {
    await this.#entry(join(folder, name), name, folder, new Set())
  }

  /** `within`: the real paths of the folders above this one, so that a link to one of them ends. */
  async #folder(source: string, target: string, top: string, within: ReadonlySet<string>): Promise<void> {
    for (const name of namesIn(source)) {
      // Dependencies have places of their own.
      if (name === 'node_modules') continue
      const path = target === '' ? name : `${target}/${name}`
      await this.#entry(join(source, name), path, top, within)
      if (this.files.length > limits.codeFiles) throw this.#tooMany()
      if (this.#breather.isDue(0)) await this.#breather.rest()
    }
  }

  async #entry(source: string, path: string, top: string, within: ReadonlySet<string>): Promise<void> {
    const own = infoOf(source, lstatSync)
    // It was removed meanwhile.
    if (own === undefined) return
    const isLink = own.isSymbolicLink()
    const info = isLink ? infoOf(source, statSync) : own
    // A link that leads nowhere is often a lock of an editor. Sockets and pipes have no content.
    if (info === undefined || !(info.isFile() || info.isDirectory())) return
    if (this.#leftBehind(path, info.isDirectory())) return
    const problem = pathProblem(path)
    if (problem !== undefined) throw unreadable(source, problem)
    const real = isLink ? this.#linked(source, top) : source
    if (!info.isDirectory()) {
      this.files.push({ path, source: real, bytes: info.size, executable: (info.mode & 0o111) !== 0 })
    } else if (!within.has(real)) {
      await this.#folder(real, path, top, new Set([...within, real]))
    }
  }

  /** What lies outside was not named by anybody, and may be a secret. */
  #linked(source: string, top: string): string {
    const real = realpathSync(source)
    const isWithin = [top, this.#root].some((folder) => real === folder || real.startsWith(folder + sep))
    if (isWithin) return real
    throw unreadable(source, `it is a link to ${real}, outside of the folder of the code`)
  }

  #tooMany(): FiresteelError {
    const message = `${this.#root} has over ${limits.codeFiles} files: more than may travel.`
    return new FiresteelError('CODE_TOO_LARGE', `${message} ${largest(this.files)}`, { place: this.#root })
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (cause) {
    throw unreadable(folder, reasonOf(cause), cause)
  }
}

function infoOf(path: string, look: (path: string) => Stats): Stats | undefined {
  try {
    return look(path)
  } catch {
    return undefined
  }
}

function checkSize(folder: string, files: readonly FoundFile[], maxBytes: number): void {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  if (bytes <= maxBytes) return
  const message = `${folder} has ${bytesText(bytes)} in ${files.length} files: more than the ${bytesText(maxBytes)} that may travel.`
  throw new FiresteelError('CODE_TOO_LARGE', `${message} ${largest(files)}`, { place: folder })
}

function largest(files: readonly FoundFile[]): string {
  const first = [...files].sort((a, b) => b.bytes - a.bytes).slice(0, innerLimits.codeLargest)
  return `The largest: ${first.map(({ path, bytes }) => `${path} (${bytesText(bytes)})`).join(', ')}.`
}

async function hashAll(found: readonly FoundFile[]): Promise<Collected> {
  const files: CodeFile[] = []
  const breather = fileBreather()
  for (const { path, source, executable } of found) {
    const { hash, bytes } = await hashFile(source, breather)
    files.push({ path, hash, bytes, executable })
  }
  const native = files.some(({ path }) => isNativeModule(path)) ? ownPlatform : undefined
  const manifest = await makeManifest(files, native)
  if (manifest.text.length > limits.codeManifestBytes) {
    const message = `The list of ${files.length} files has over ${bytesText(limits.codeManifestBytes)}.`
    throw new FiresteelError('CODE_TOO_LARGE', message)
  }
  const sourceOf = new Map(found.map(({ path, source }) => [path, source]))
  return { manifest, sources: manifest.files.map(({ path }) => sourceOf.get(path) as string) }
}
