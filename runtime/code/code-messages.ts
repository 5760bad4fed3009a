import { Buffer } from 'node:buffer'
import { errorOf, errorParts, FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import * as z from '../zod.js'

/*
 * The conversation on a code link: payload frames that begin with a kind. One side has code (the source), the
 * other receives it (the sink). Either may have dialled.
 */

const id = z.string().regex(/^[0-9a-f]{64}$/)
const text = z.string().max(limits.textChars)
const place = z.int().min(0).max(limits.codeFiles)
const address = z.string().max(innerLimits.addressChars)
const rows = z.array(
  z.object({
    id,
    bytes: z.number(),
    files: z.number(),
    usedAtMs: z.number(),
    held: z.boolean(),
  }),
)

const message = z.discriminatedUnion('type', [
  /** Source -> sink: take this code. `root`: where it lies on the machine of the source. */
  z.object({ type: z.literal('offer'), id, root: text }),
  /** Sink -> source: the manifest, please. Without an id: of the code that you are there for. */
  z.object({ type: z.literal('want'), id: id.optional() }),
  /** Source -> sink: what follows in pieces. `root` as in an offer; `holders` have it too. */
  z.object({
    type: z.literal('manifest'),
    id,
    bytes: z.int().min(1).max(limits.codeManifestBytes),
    root: text.optional(),
    holders: z.array(address).max(limits.codeSources),
  }),
  /** Sink -> source: these files, by their places in the manifest, in this order. */
  z.object({ type: z.literal('get'), places: z.array(place).max(innerLimits.codeWindowFiles) }),
  /** Sink -> source: so much of what came is written. */
  z.object({
    type: z.literal('taken'),
    bytes: z
      .int()
      .min(1)
      .max(innerLimits.codeWindowBytes * 2),
  }),
  /** Source -> sink: not this file (its place), or nothing at all. */
  z.object({
    type: z.literal('gone'),
    place: place.optional(),
    code: z.string().max(limits.nameChars),
    message: text,
    at: text.optional(),
  }),
  /** Sink -> source: it is whole here. `address`: where others reach the sink. */
  z.object({ type: z.literal('held'), id, address: address.optional() }),
  /** Sink -> source: it gave up. */
  z.object({
    type: z.literal('failed'),
    code: z.string().max(limits.nameChars),
    message: text,
    at: text.optional(),
  }),
  /** A tool -> Worker, and back: what its cache has; what of it to remove. */
  z.object({ type: z.literal('list'), from: z.string().max(64) }),
  z.object({ type: z.literal('rows'), rows: rows.max(innerLimits.codeRows), more: z.boolean() }),
  z.object({ type: z.literal('remove'), id }),
  z.object({ type: z.literal('removed'), id, done: z.boolean(), reason: text }),
])

export type CodeMessage = z.infer<typeof message>

const kinds = { message: 1, manifest: 2, piece: 3, last: 4 } as const

/** A piece of the manifest, or of the file at `place`. */
export interface CodePiece {
  readonly kind: 'manifest' | 'piece' | 'last'
  readonly place: number
  readonly bytes: Buffer
}

/** Bytes of a file in one frame. */
export const PIECE_BYTES = limits.payloadChunkBytes
const HEADER_BYTES = 5

const invalid = (what: string): FiresteelError =>
  new FiresteelError('FRAME_INVALID', `A frame of a code link is not acceptable: ${what}.`)

export const invalidSource = (what: string): FiresteelError =>
  new FiresteelError('FRAME_INVALID', `A source of code is not acceptable: ${what}.`)

/** An error in a message: `at` is its place. */
interface ToldError {
  readonly code: string
  readonly message: string
  readonly at?: string | undefined
}

export function toldOf(error: unknown): ToldError {
  const { code, message: words, place: at } = errorParts(error)
  return { code, message: words, ...(at !== undefined && { at }) }
}

export const errorTold = ({ code, message: words, at }: ToldError): FiresteelError =>
  errorOf({ code, message: words, ...(at !== undefined && { place: at }) })

export function writeMessage(value: CodeMessage): Uint8Array[] {
  return [Buffer.of(kinds.message), Buffer.from(JSON.stringify(value))]
}

export function writePiece({ kind, place: at, bytes }: CodePiece): Uint8Array[] {
  const header = Buffer.alloc(HEADER_BYTES)
  header[0] = kinds[kind]
  header.writeUInt32LE(at, 1)
  return [header, bytes]
}

/** Throws FRAME_INVALID. The bytes of a piece are a view. */
export function readFrame(frame: Buffer): CodeMessage | CodePiece {
  switch (frame[0]) {
    case kinds.message:
      return readMessage(frame.subarray(1))
    case kinds.manifest:
      return readPiece('manifest', frame)
    case kinds.piece:
      return readPiece('piece', frame)
    case kinds.last:
      return readPiece('last', frame)
    default:
      throw invalid(`kind ${frame[0]}`)
  }
}

export const isPiece = (value: CodeMessage | CodePiece): value is CodePiece => 'kind' in value

function readPiece(kind: CodePiece['kind'], frame: Buffer): CodePiece {
  if (frame.length < HEADER_BYTES) throw invalid(`${frame.length} bytes`)
  return { kind, place: frame.readUInt32LE(1), bytes: frame.subarray(HEADER_BYTES) }
}

function readMessage(bytes: Buffer): CodeMessage {
  if (bytes.length > innerLimits.codeMessageBytes) throw invalid(`a message of ${bytes.length} bytes`)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw invalid('it is not JSON')
  }
  const parsed = message.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalid(`${parsed.error.issues[0]?.path.join('.') || 'message'}: ${parsed.error.issues[0]?.message}`)
}
