import type { Envelope, Sink } from './envelope.js'
import type { Message } from './ref.js'

/** Something that may call back a message it has put into a mailbox: a timer, a watch. */
export interface Recall {
  /** Called when the message's turn has come; false: it was cancelled meanwhile. */
  take(): boolean
}

/** An envelope inside this process. Always made by `localEnvelope`, so that all have one shape. */
export interface LocalEnvelope extends Envelope {
  readonly sink: Sink | undefined
  readonly recall: Recall | undefined
  bytes: number | undefined
  tookUs: number | undefined
  refused: boolean
  /** Of a question once it is in an actor's hands; 0 before. */
  token: number
}

/** Where envelopes go: a mailbox, a link, the pending asks. */
export interface Destination {
  readonly path: string
  /** False: it could not be delivered, which the destination has told. */
  accept(envelope: LocalEnvelope): boolean
}

export interface LocalEnvelopeParts {
  readonly sink?: Sink | undefined
  readonly recall?: Recall | undefined
  readonly ask?: string | undefined
  readonly askMs?: number | undefined
  readonly answer?: string | undefined
  readonly bytes?: number | undefined
}

export const plain: LocalEnvelopeParts = {}

export function localEnvelope(
  from: string,
  to: string,
  message: Message,
  id: number,
  trace: number,
  parent: number | undefined,
  epoch: number,
  seq: number | undefined,
  parts: LocalEnvelopeParts,
): LocalEnvelope {
  const { sink, recall, ask, askMs, answer, bytes } = parts
  return {
    from,
    to,
    message,
    id,
    trace,
    parent,
    epoch,
    seq,
    ask,
    askMs,
    answer,
    sink,
    recall,
    bytes,
    tookUs: undefined,
    refused: false,
    token: 0,
  }
}
