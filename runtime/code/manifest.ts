import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { Breather } from '../breather.js'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { codeTurns } from './code-turns.js'

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
/**
 * A line has a hash of 64 characters, at most 16 digits, a mode, and a path of at most three bytes for each
 * character. A quote in a path has two bytes.
 */
const LINE_BYTES = 64 + ' 9007199254740991 x ""\n'.length + 3 * limits.codePathChars
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

/**
 * Reads what a peer or a disk gave. Throws CODE_INVALID unless it is the canonical text of `id`, and the
 * reason of the signal when nobody wants it any more.
 */
export async function readManifest(text: Buffer, id: string, signal?: AbortSignal): Promise<Manifest> {
  if (text.length > limits.codeManifestBytes) throw invalid(`it has ${text.length} bytes`)
  const breather = new Breather(innerLimits.codeLines, innerLimits.codeSliceBytes, () => codeTurns.next())
  await breather.rest()
  signal?.throwIfAborted()
  const check = new FileCheck()
  const hash = createHash('sha256')
  const files: CodeFile[] = []
  let native: NativePlatform | undefined
  for (let from = 0, line = 0; from < text.length; line++) {
    const bytes = lineAt(text, from, line)
    hash.update(bytes)
    if (line === 0) native = readHead(contentOf(bytes))
    else {
      const file = readLine(bytes)
      check.add(file)
      files.push(file)
    }
    from += bytes.length
    if (!breather.isDue(bytes.length)) continue
    await breather.rest()
    signal?.throwIfAborted()
  }
  if (text.length === 0) throw invalid('it is empty')
  if (hash.digest('hex') !== id) throw invalid('its hash is not its id')
  return { id, text, files, bytes: check.bytes, native }
}

/** The line that begins here, with its end. Its length is known before anything of it is read. */
function lineAt(text: Buffer, from: number, line: number): Buffer {
  const most = text.subarray(from, from + LINE_BYTES)
  const end = most.indexOf(NEWLINE)
  if (end !== -1) return most.subarray(0, end + 1)
  if (most.length < LINE_BYTES) throw invalid('its last line has no end')
  throw invalid(`line ${line + 1} has over ${LINE_BYTES} bytes`)
}

function readHead(line: string): NativePlatform | undefined {
  const found = HEAD.exec(line)
  if (!found) throw invalid('its first line names another format')
  const [, platform, major] = found
  return platform === undefined ? undefined : { platform, nodeMajor: Number(major) }
}

const contentOf = (line: Buffer): string => line.toString('utf8', 0, line.length - 1)

function readLine(line: Buffer): CodeFile {
  const [, hash, bytes, mode, name] = LINE.exec(contentOf(line)) ?? []
  if (hash === undefined || name === undefined) throw invalid('a line is none of a manifest')
  let path: unknown
  try {
    path = JSON.parse(name)
  } catch {
    throw invalid('a path is not JSON')
  }
  if (typeof path !== 'string' || JSON.stringify(path) !== name) throw invalid('a path is not canonical')
  // What a pattern found would keep its whole line in memory.
  const own = line.toString('latin1', 0, hash.length)
  return { hash: own, bytes: Number(bytes), executable: mode === 'x', path }
}

/**
 * Checks files that come in the order of their paths. In this order, all paths that begin with the same text
 * follow each other. So a path needs to be compared with earlier ones that it begins with, and not with its
 * folders, of which a path may have hundreds.
 */
class FileCheck {
  bytes = 0
  #count = 0
  #folders = 0
  #before = ''
  /** Earlier paths with which the last one begins, the shortest first. Each begins with the one before. */
  readonly #beginnings: string[] = []

  add({ path, bytes }: CodeFile): void {
    const problem = pathProblem(path)
    if (problem !== undefined) throw invalid(problem)
    if (++this.#count > limits.codeFiles) throw invalid(`it names over ${limits.codeFiles} files`)
    if (this.#count > 1 && path <= this.#before) throw invalid('its paths are not in order')
    this.#folders += newFolders(this.#before, path)
    if (this.#folders > limits.codeFolders) throw invalid(`it names over ${limits.codeFolders} folders`)
    this.#before = path
    this.bytes += bytes
    if (!Number.isSafeInteger(this.bytes)) throw invalid('its files have more bytes than can be counted')
    this.#checkFolders(path)
  }

  /** Of all earlier files, only the longest with which it begins can be a folder of it that is not known. */
  #checkFolders(path: string): void {
    const beginnings = this.#beginnings
    while (beginnings.length > 0 && !path.startsWith(beginnings.at(-1) as string)) beginnings.pop()
    const longest = beginnings.at(-1)
    if (longest !== undefined && path[longest.length] === '/')
      throw invalid(`${JSON.stringify(longest)} is a file and a folder`)
    beginnings.push(path)
  }
}

/** Folders of a path that are none of the path before it. */
function newFolders(before: string, path: string): number {
  let same = 0
  while (same < before.length && before[same] === path[same]) same++
  let folders = 0
  for (let at = path.indexOf('/', same); at !== -1; at = path.indexOf('/', at + 1)) folders++
  return folders
}
