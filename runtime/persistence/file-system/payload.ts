import { type Delete, type Position, type Put, type Table, tables } from '../engine.js'
import type { FormatRange } from '../store-format.js'
import { type Block, encodeBlock } from './block.js'

/** Names the store that a file belongs to. Compared before anything is read or written. */
export interface Identity {
  readonly format: string
  /**
   * The format of the store (`store-format.ts`) when the file was begun. The highest of all files counts.
   */
  readonly version: number
  readonly cluster: string
}

/** What a program takes a file for: what it checks of an Identity. */
export interface Expected {
  readonly format: string
  readonly cluster: string
  /** The formats of a store that it knows. */
  readonly formats: FormatRange
}

/** First block of every file and last block of a snapshot: where the store stands, in three copies. */
export interface Head extends Identity {
  readonly kind: 'head' | 'end'
  readonly epoch: number
  readonly seq: number
  readonly mark: string
  readonly base: Position
}

export type Payload =
  | Head
  | {
      readonly kind: 'commit'
      readonly mark: string
      readonly puts: Put[]
      readonly deletes: Delete[]
      bad: string[]
    }
  | { readonly kind: 'record'; readonly put: Put }
  | { readonly kind: 'bad'; readonly reason: string }

const known: ReadonlySet<string> = new Set(tables)

export function encodeHead(head: Head): Buffer {
  return encodeBlock(head.seq, Buffer.from(JSON.stringify(head)))
}

/** One line per entry. Cleaned JSON text has neither a tab nor a newline outside of its escapes. */
export function encodeCommit(
  seq: number,
  writeId: string,
  puts: readonly Put[],
  deletes: readonly Delete[],
): Buffer {
  const lines = [JSON.stringify({ kind: 'commit', mark: writeId })]
  for (const put of puts) lines.push(lineOf(put))
  for (const { table, id } of deletes) lines.push(`-\t${table}\t${JSON.stringify(id)}`)
  return encodeBlock(seq, Buffer.from(lines.join('\n')))
}

/** In a snapshot every record has its own block, so that damage costs one record. */
export function encodeRecord(seq: number, put: Put): Buffer {
  return encodeBlock(seq, Buffer.from(lineOf(put)))
}

function lineOf({ table, id, json }: Put): string {
  const line = json.includes('\n') ? json.replaceAll('\n', ' ') : json
  return `+\t${table}\t${JSON.stringify(id)}\t${line}`
}

export function decodePayload(block: Block): Payload {
  const text = block.payload.toString('utf8')
  if (text.startsWith('+')) {
    const entry = decodeLine(text)
    return entry !== undefined && 'json' in entry ? { kind: 'record', put: entry } : bad
  }
  const [first = '', ...lines] = text.split('\n')
  const head = parseObject(first)
  if (head?.kind === 'head' || head?.kind === 'end') return isHead(head) ? head : bad
  if (head?.kind !== 'commit' || typeof head.mark !== 'string') return bad
  return decodeCommit(head.mark, lines)
}

const bad: Payload = { kind: 'bad', reason: 'the content of a block is not understood' }

function decodeCommit(writeId: string, lines: readonly string[]): Payload {
  const commit = {
    kind: 'commit' as const,
    mark: writeId,
    puts: [] as Put[],
    deletes: [] as Delete[],
    bad: [] as string[],
  }
  for (const line of lines) {
    const entry = decodeLine(line)
    if (entry === undefined) commit.bad.push(line)
    else if ('json' in entry) commit.puts.push(entry)
    else commit.deletes.push(entry)
  }
  return commit
}

function decodeLine(line: string): Put | Delete | undefined {
  const [sign, table, quoted, ...rest] = line.split('\t')
  if (table === undefined || quoted === undefined || !known.has(table)) return undefined
  let id: unknown
  try {
    id = JSON.parse(quoted)
  } catch {
    return undefined
  }
  if (typeof id !== 'string') return undefined
  if (sign === '-') return { table: table as Table, id }
  return sign === '+' ? { table: table as Table, id, json: rest.join('\t') } : undefined
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function isHead(value: Record<string, unknown>): value is Record<string, unknown> & Head {
  const base = value.base as Partial<Position> | undefined
  return (
    typeof value.format === 'string' &&
    typeof value.version === 'number' &&
    typeof value.cluster === 'string' &&
    typeof value.epoch === 'number' &&
    typeof value.seq === 'number' &&
    typeof value.mark === 'string' &&
    typeof base?.epoch === 'number' &&
    typeof base.seq === 'number'
  )
}
