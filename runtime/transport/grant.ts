import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'

/*
 * What a leader says about one client to a Worker, by way of that client: until then it may read this output.
 * A Worker does not know whose work is whose, and need not. Clocks of nodes may differ; that much longer, or
 * shorter, a grant is good.
 */

export interface Grant {
  /** The subject of the client's link. */
  readonly subject: string
  /** Epoch milliseconds of the leader's clock. */
  readonly untilMs: number
  readonly mac: string
}

/** `id` is that of the output. */
export function grant(key: Buffer, subject: string, id: string, untilMs: number): Grant {
  return { subject, untilMs, mac: macOf(key, subject, id, untilMs) }
}

/**
 * `subject` is that of the link on which it came. True: the leader of this cluster has granted it, to this
 * client, and it is not over.
 */
export function isGranted(
  key: Buffer,
  given: Grant | undefined,
  subject: string,
  id: string,
  wallMs: number,
): boolean {
  if (given === undefined || given.untilMs <= wallMs) return false
  const [expected, got] = [macOf(key, subject, id, given.untilMs), given.mac].map((mac) => Buffer.from(mac))
  return expected!.length === got!.length && timingSafeEqual(expected!, got!)
}

const macOf = (key: Buffer, subject: string, id: string, untilMs: number): string =>
  createHmac('sha256', key)
    .update(JSON.stringify([subject, id, untilMs]))
    .digest('base64url')
