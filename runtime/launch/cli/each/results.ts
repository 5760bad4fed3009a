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

/** Writes `stdout`, `stderr` and `seq` of one command below `folder`. */
export async function writeResult(folder: string, sources: number, end: CommandEnd): Promise<void> {
  const below = bytesOf(resultFolder(end.args, sources, end.number))
  const path = Buffer.concat([Buffer.from(`${folder}/`), below, Buffer.from('/')])
  await mkdir(path, { recursive: true })
  const at = (name: string): Buffer => Buffer.concat([path, Buffer.from(name)])
  await writeFile(at('stdout'), end.stdout)
  await writeFile(at('stderr'), end.stderr)
  await writeFile(at('seq'), String(end.number))
}
