import type { TraceContext } from '../telemetry/trace-context.js'
import type { Envelope, Sink } from './envelope.js'
import type { Message } from './ref.js'

/** A source that may cancel a message which is already in a mailbox: a timer or a watch. */
export interface Recall {
  /** Called when the message is about to be handled. False: it was cancelled. */
  take(): boolean
}

/** An envelope inside this process. Only `localEnvelope` makes them, so that all have one shape. */
export interface LocalEnvelope extends Envelope {
  readonly sink: Sink | undefined
  readonly recall: Recall | undefined
  bytes: number | undefined
  tookUs: number | undefined
  refused: boolean
  /** The token of a question that an actor has taken; 0 before. */
  token: number
  readonly context: TraceContext | undefined
}

/** A receiver of envelopes: a mailbox, a link, or the pending asks. */
export interface Destination {
  readonly path: string
  /** False: it could not be delivered, and the destination has reported that. */
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
  context: TraceContext | undefined,
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
    context,
  }
}
