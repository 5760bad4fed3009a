import { Buffer } from 'node:buffer'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An input that failed, as in a file that `--replay` reads. */
export interface FoundInput {
  readonly part: string
  readonly seed: number
  /** Numbers of the inputs that ran at that time. There are several if they ran at the same time. */
  readonly indexes: readonly number[]
  readonly what: string
  /**
   * The inputs. They are absent if the process died before it could write them; the seed makes them again.
   */
  readonly inputs?: readonly unknown[]
}

let folder: string | undefined
let written = 0

/** Writes it into the folder for temporary files. Returns the path. */
export function writeFinding(found: FoundInput): string {
  folder ??= mkdtempSync(join(tmpdir(), 'firesteel-fuzz-'))
  const path = join(folder, `${found.part}-${found.seed}-${found.indexes[0] ?? 0}-${++written}.json`)
  writeFileSync(path, `${JSON.stringify({ ...found, inputs: found.inputs?.map(packed) }, undefined, 1)}\n`)
  return path
}

export function readFinding(path: string): FoundInput {
  const found = JSON.parse(readFileSync(path, 'utf8')) as FoundInput
  return { ...found, ...(found.inputs && { inputs: found.inputs.map(unpacked) }) }
}

/** Bytes become hex. Text that is not well-formed (lone surrogates) becomes its code units. */
function packed(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $hex: Buffer.from(value).toString('hex') }
  if (typeof value === 'string' && !isWellFormed(value))
    return { $utf16: Buffer.from(value, 'utf16le').toString('hex') }
  if (Array.isArray(value)) return value.map(packed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, packed(item)]))
}

function unpacked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpacked)
  if (typeof value !== 'object' || value === null) return value
  const { $hex, $utf16 } = value as { $hex?: unknown; $utf16?: unknown }
  if (typeof $hex === 'string') return Buffer.from($hex, 'hex')
  if (typeof $utf16 === 'string') return Buffer.from($utf16, 'hex').toString('utf16le')
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpacked(item)]))
}

const isWellFormed = (text: string): boolean => (text as string & { isWellFormed(): boolean }).isWellFormed()
