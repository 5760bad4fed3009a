import { Buffer } from 'node:buffer'
import { type Receiver, violation } from '../../actors/messages/catalogue.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { type EnvelopeGroup, GROUP_BYTES } from '../../runtime/transport/envelope-reader.js'
import { BRACKETS_BYTES, FrameDecoder, frameKind } from '../../runtime/transport/frame.js'
import { readEnvelopes } from '../fixtures/read-envelopes.js'
import { largeFrames, provenFrames, unprovenFrames } from './decoder-corpus.js'
import { applyEdits, makeEdits } from './edits.js'
import type { Random } from './random.js'
import { must, type Target } from './target.js'

export interface DecoderInput {
  readonly proven: boolean
  readonly bytes: Buffer
  /** Where the stream is cut, in rising order. Empty: it comes at once. */
  readonly cuts: readonly number[]
  /** Whether the uncut stream must give the same, and its messages are checked. Not always, to save time. */
  readonly closely: boolean
}

const FRAMES_MAX = 4
const EDITS_MAX = 4
const CUTS_MAX = 12
const receivers: readonly Receiver[] = ['master', 'worker', 'client']

export function makeStream(random: Random, frames: readonly Buffer[]): Buffer {
  if (random.oneIn(12)) return random.bytes(random.size(400))
  const count = 1 + random.int(FRAMES_MAX)
  const parts: Buffer[] = []
  for (let n = 0; n < count; n++) parts.push(random.pick(frames))
  if (random.oneIn(2000)) parts.push(random.pick(largeFrames))
  return applyEdits(Buffer.concat(parts), makeEdits(random, EDITS_MAX, frames))
}

interface Reading {
  readonly kinds: readonly number[]
  readonly bodies: readonly Buffer[]
  readonly broken: boolean
}

/** Decodes frames from bytes, and checks everything that must hold of a decoder whatever it reads. */
export class DecoderTarget implements Target<DecoderInput> {
  readonly name = 'decoder'
  readonly atOnce = 1
  readonly #newDecoder: () => FrameDecoder

  constructor(newDecoder: () => FrameDecoder = () => new FrameDecoder()) {
    this.#newDecoder = newDecoder
  }

  generate(random: Random): DecoderInput {
    const proven = !random.oneIn(4)
    const bytes = makeStream(random, proven ? provenFrames : [...unprovenFrames, ...provenFrames.slice(0, 2)])
    const cuts: number[] = []
    if (random.oneIn(16) && bytes.length < 200) for (let at = 1; at < bytes.length; at++) cuts.push(at)
    else for (let n = random.size(CUTS_MAX); n > 0; n--) cuts.push(random.int(bytes.length + 1))
    cuts.sort((a, b) => a - b)
    return { proven, bytes, cuts, closely: random.oneIn(8) }
  }

  run(inputs: readonly DecoderInput[]): string[] {
    return inputs.map((input) => this.#run(input))
  }

  #run({ proven, bytes, cuts, closely }: DecoderInput): string {
    const reading = this.#read(proven, bytes, cuts)
    let malformed = false
    for (const [at, body] of reading.bodies.entries()) {
      if (reading.kinds[at] === frameKind.envelopes) malformed = readBody(body, closely) || malformed
    }
    if (closely && cuts.length > 0) assertSame(reading, this.#read(proven, bytes, []))
    if (reading.broken) return 'FRAME_INVALID'
    if (malformed) return 'malformed envelopes'
    return reading.kinds.length > 0 ? 'frames' : 'unfinished'
  }

  #read(proven: boolean, bytes: Buffer, cuts: readonly number[]): Reading {
    const decoder = this.#newDecoder()
    if (proven) decoder.open()
    const kinds: number[] = []
    const bodies: Buffer[] = []
    let from = 0
    for (let piece = 0; piece <= cuts.length; piece++) {
      const to = cuts[piece] ?? bytes.length
      decoder.feed(bytes.subarray(from, to))
      from = to
      try {
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
          must(
            frame.body.length <= mostOf(frame.kind, proven),
            `a frame of kind ${frame.kind}, ${frame.body.length} bytes`,
          )
          kinds.push(frame.kind)
          bodies.push(frame.body)
        }
      } catch (error) {
        if (!isFiresteelError(error, 'FRAME_INVALID')) throw error
        must(decoder.allocatedBytes === 0, 'a broken stream holds memory')
        return { kinds, bodies, broken: true }
      }
      const most = Math.max(64 * 1024, 2 * to)
      must(decoder.allocatedBytes <= most, `${decoder.allocatedBytes} bytes are held for ${to} that came`)
    }
    return { kinds, bodies, broken: false }
  }
}

/** The largest body of this kind. -1: no body of this kind may come. */
function mostOf(kind: number, proven: boolean): number {
  if (!proven) return kind === frameKind.handshake ? limits.handshakeBytes : -1
  if (kind === frameKind.envelopes) return limits.nodeMessageBytes + BRACKETS_BYTES
  if (kind === frameKind.payload) return limits.payloadChunkBytes + limits.payloadHeaderBytes
  return kind === frameKind.ping || kind === frameKind.pong ? 0 : -1
}

function assertSame(a: Reading, b: Reading): void {
  const same =
    a.broken === b.broken &&
    a.kinds.length === b.kinds.length &&
    a.kinds.every((kind, at) => kind === b.kinds[at]) &&
    a.bodies.every((body, at) => body.equals(b.bodies[at] as Buffer))
  must(
    same,
    `cut, the stream gives ${a.kinds} (broken: ${a.broken}); whole, ${b.kinds} (broken: ${b.broken})`,
  )
}

/** Counts bound what is parsed at once, and so the time that it takes. */
function assertBounded({ values, bytes }: EnvelopeGroup): void {
  must(values.length > 0 && values.length <= limits.linkShareItems, `${values.length} envelopes at once`)
  const together = bytes.reduce((sum, each) => sum + each, 0)
  must(values.length === 1 || together <= GROUP_BYTES, `${together} bytes are parsed together`)
  must(together <= limits.nodeMessageBytes, `an envelope of ${together} bytes`)
}

/** Returns true if the link would be cut. */
function readBody(body: Buffer, closely: boolean): boolean {
  const { envelopes, bytes, broken } = readEnvelopes(body, limits.linkShareItems, assertBounded)
  const read = bytes.reduce((sum, each) => sum + each, 0)
  must(bytes.length === envelopes.length && read <= body.length, `${read} bytes of ${body.length} were read`)
  must(envelopes.length > 0 || broken !== undefined, 'a frame was read that held nothing')
  if (!closely) return broken !== undefined
  for (const envelope of envelopes) {
    must(!holdsProto(envelope), 'an own __proto__ came through')
    const message: unknown = (envelope as { message?: unknown } | null)?.message
    for (const receiver of receivers) {
      const reason = violation(receiver, message)
      must(reason === undefined || reason.length > 0, 'a violation without a reason')
    }
  }
  return broken !== undefined
}

function holdsProto(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(holdsProto)
}
