import { mkdir, writeFile } from 'node:fs/promises'
import { type ByteText, bytesOf } from './arguments.js'
import type { Arguments } from './records.js'
import type { CommandEnd } from './report.js'

/** Linux takes this many bytes for one part of a path. */
const NAME_BYTES = 255

/**
 * A value as the name of a folder, as in GNU parallel. A longer one than the system takes becomes `#NUMBER`.
 */
export function resultName(value: ByteText, number: number): ByteText {
  const name = value.replace(/[\\/\t\0]/g, (char) => names[char]!)
  if (name === '.' || name === '..') return `\\${name}`
  return name.length > NAME_BYTES ? `#${number}` : name
}
const names: Readonly<Record<string, string>> = { '\\': '\\\\', '/': '\\_', '\t': '\\t', '\0': '\\0' }

/** `1/VALUE/2/VALUE`: the number of each source before its value. Values of one source have its number. */
export function resultFolder(args: Arguments, sources: number, number: number): ByteText {
  return args
    .map((value, index) => `${sources > 1 ? (index % sources) + 1 : 1}/${resultName(value, number)}`)
    .join('/')
}

export interface ResultFiles {
  readonly folder: Buffer
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly seq: Buffer
}

/** The files of one command below `folder`. */
export function resultFiles(
  folder: string,
  sources: number,
  { args, number }: { readonly args: Arguments; readonly number: number },
): ResultFiles {
  const below = bytesOf(resultFolder(args, sources, number))
  const path = Buffer.concat([Buffer.from(`${folder}/`), below, Buffer.from('/')])
  const at = (name: string): Buffer => Buffer.concat([path, Buffer.from(name)])
  return { folder: path, stdout: at('stdout'), stderr: at('stderr'), seq: at('seq') }
}

/** Writes `stdout`, `stderr` and `seq`. What came in parts is in its file already. */
export async function writeResult(files: ResultFiles, end: CommandEnd): Promise<void> {
  await mkdir(files.folder, { recursive: true })
  if (end.sent[0] === 0) await writeFile(files.stdout, end.stdout)
  if (end.sent[1] === 0) await writeFile(files.stderr, end.stderr)
  await writeFile(files.seq, String(end.number))
}
