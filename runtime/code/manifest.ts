import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { Breather } from '../breather.js'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'

/* What one code consists of: its files, and no links, folders or owners. */

export interface CodeFile {
  /** Relative, with `/` between its parts. */
  readonly path: string
  readonly bytes: number
  readonly executable: boolean
  /** SHA-256 of its content, in hex. */
  readonly hash: string
}

/** Where native modules run. */
export interface NativePlatform {
  /** `linux-x64`. */
  readonly platform: string
  readonly nodeMajor: number
}

export interface Manifest {
  /** SHA-256 of `text`, in hex. Two folders with the same files have the same id. */
  readonly id: string
  /** The canonical text. */
  readonly text: Buffer
  /** Sorted by path. */
  readonly files: readonly CodeFile[]
  /** Bytes of all files. */
  readonly bytes: number
  /** Set if it has native modules. */
  readonly native: NativePlatform | undefined
}

/** The code of a folder: its manifest, and where each file lies. */
export interface Collected {
  readonly manifest: Manifest
  /** Absolute paths, in the order of the manifest's files. */
  readonly sources: readonly string[]
}

const FORMAT = 'firesteel-code 1'
const HEAD = /^firesteel-code 1(?: ([a-z0-9]{1,20}-[a-z0-9]{1,20}) ([1-9]\d{0,2}))?$/
const LINE = /^([0-9a-f]{64}) (0|[1-9]\d{0,15}) ([x-]) (".*")$/
const NEWLINE = 0x0a
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

export const isCodeId = (value: string): boolean => /^[0-9a-f]{64}$/.test(value)

const invalid = (what: string): FiresteelError =>
  new FiresteelError('CODE_INVALID', `A manifest of code is not acceptable: ${what}.`)

/** Why a path may not travel; undefined: it may. A path that passes stays below the folder it is put in. */
export function pathProblem(path: string): string | undefined {
  if (path.length === 0 || path.length > limits.codePathChars)
    return `a path has ${path.length} characters; 1 to ${limits.codePathChars} are allowed`
  const shown = JSON.stringify(path)
  if (CONTROL.test(path)) return `${shown} has control characters`
  if (path.includes('\ufffd') || Buffer.from(path).toString() !== path) return `${shown} is not UTF-8`
  for (const part of path.split('/')) {
    if (part === '' || part === '.' || part === '..') return `${shown} has the part ${JSON.stringify(part)}`
    if (part.includes('\\')) return `${shown} has a backslash`
    if (part.length * 4 > limits.codeNameBytes && Buffer.byteLength(part) > limits.codeNameBytes)
      return `${shown} has a name of over ${limits.codeNameBytes} bytes`
  }
  return undefined
}

/** Throws CODE_INVALID for a path that may not travel. The text is made in slices. */
export async function makeManifest(
  given: readonly CodeFile[],
  native: NativePlatform | undefined,
): Promise<Manifest> {
  const files = [...given].sort((a, b) => (a.path < b.path ? -1 : 1))
  const breather = new Breather(innerLimits.codeLines, innerLimits.codeSliceBytes)
  const check = new FileCheck()
  const hash = createHash('sha256')
  const parts: Buffer[] = []
  let lines = `${native ? `${FORMAT} ${native.platform} ${native.nodeMajor}` : FORMAT}\n`
  const flush = (): void => {
    const part = Buffer.from(lines)
    hash.update(part)
    parts.push(part)
    lines = ''
  }
  for (const file of files) {
    check.add(file)
    lines += `${file.hash} ${file.bytes} ${file.executable ? 'x' : '-'} ${JSON.stringify(file.path)}\n`
    if (!breather.isDue(file.path.length)) continue
    flush()
    await breather.rest()
  }
  flush()
  return { id: hash.digest('hex'), text: Buffer.concat(parts), files, bytes: check.bytes, native }
}

/** Reads what a peer or a disk gave. Throws CODE_INVALID unless it is the canonical text of `id`. */
export async function readManifest(text: Buffer, id: string): Promise<Manifest> {
  if (text.length > limits.codeManifestBytes) throw invalid(`it has ${text.length} bytes`)
  const breather = new Breather(innerLimits.codeLines, innerLimits.codeSliceBytes)
  const check = new FileCheck()
  const hash = createHash('sha256')
  const files: CodeFile[] = []
  let native: NativePlatform | undefined
  for (let from = 0, line = 0; from < text.length; line++) {
    const to = text.indexOf(NEWLINE, from)
    if (to === -1) throw invalid('its last line has no end')
    const bytes = text.subarray(from, to + 1)
    hash.update(bytes)
    const content = bytes.toString('utf8', 0, bytes.length - 1)
    if (line === 0) native = readHead(content)
    else {
      const file = readLine(content)
      check.add(file)
      files.push(file)
    }
    from = to + 1
    if (breather.isDue(bytes.length)) await breather.rest()
  }
  if (text.length === 0) throw invalid('it is empty')
  if (hash.digest('hex') !== id) throw invalid('its hash is not its id')
  return { id, text, files, bytes: check.bytes, native }
}

function readHead(line: string): NativePlatform | undefined {
  const found = HEAD.exec(line)
  if (!found) throw invalid('its first line names another format')
  const [, platform, major] = found
  return platform === undefined ? undefined : { platform, nodeMajor: Number(major) }
}

function readLine(line: string): CodeFile {
  const [, hash, bytes, mode, name] = LINE.exec(line) ?? []
  if (hash === undefined || name === undefined) throw invalid('a line is none of a manifest')
  let path: unknown
  try {
    path = JSON.parse(name)
  } catch {
    throw invalid('a path is not JSON')
  }
  if (typeof path !== 'string' || JSON.stringify(path) !== name) throw invalid('a path is not canonical')
  return { hash, bytes: Number(bytes), executable: mode === 'x', path }
}

/** Checks files that come in the order of their paths. */
class FileCheck {
  bytes = 0
  #count = 0
  #before = ''
  readonly #folders = new Set<string>()
  readonly #paths = new Set<string>()

  add({ path, bytes }: CodeFile): void {
    const problem = pathProblem(path)
    if (problem !== undefined) throw invalid(problem)
    if (++this.#count > limits.codeFiles) throw invalid(`it names over ${limits.codeFiles} files`)
    if (this.#count > 1 && path <= this.#before) throw invalid('its paths are not in order')
    this.#before = path
    this.bytes += bytes
    if (!Number.isSafeInteger(this.bytes)) throw invalid('its files have more bytes than can be counted')
    if (this.#folders.has(path)) throw invalid(`${JSON.stringify(path)} is a file and a folder`)
    this.#paths.add(path)
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at)
      if (this.#paths.has(folder)) throw invalid(`${JSON.stringify(folder)} is a file and a folder`)
      if (this.#folders.has(folder)) break
      this.#folders.add(folder)
    }
  }
}
