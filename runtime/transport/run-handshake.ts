import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { reasonOf } from '../errors.js'
import { guarded } from '../system/uncaught.js'
import type { TimerSource } from '../timers.js'
import { refusalOf, TLS_FIRST_BYTE } from './channel.js'
import { BRACKETS_BYTES, encodeFrame, FrameDecoder, frameKind } from './frame.js'
import type { HandshakeStep } from './handshake.js'
import type { RefusalCode } from './handshake-message.js'
import type { ProvenPeer } from './identity.js'
import { messageBytesOf } from './message-bounds.js'

export type HandshakeResult =
  | { readonly kind: 'linked'; readonly peer: ProvenPeer; readonly decoder: FrameDecoder }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly detail: string }
  | { readonly kind: 'broken'; readonly detail: string; readonly cause?: unknown }

export interface HandshakeRun {
  readonly socket: Socket
  /** Body of the first frame, for the side that sends first. */
  readonly first?: Buffer
  readonly receive: (body: Buffer) => HandshakeStep
  readonly timers: TimerSource
  readonly timeoutMs: number
  /**
   * Called once. After a success the socket is paused and has no listeners of ours. Otherwise it is being
   * closed.
   */
  readonly done: (result: HandshakeResult) => void
}

/** A peer that begins TLS where we have none. It sees by our answer that there is none. */
const speaksTls = (): HandshakeStep => ({
  kind: 'refused',
  code: 'TLS_MISMATCH',
  detail: 'it speaks TLS, and this side does not',
  send: refusalOf('TLS_MISMATCH'),
})

/**
 * Moves handshake frames between a socket and a state machine. Returns the function that breaks the handshake
 * off.
 */
export function runHandshake(run: HandshakeRun): (detail: string) => void {
  const { socket, timers } = run
  /** Made when the first bytes come: most strangers leave without a word. */
  let decoder: FrameDecoder | undefined
  // An error of the caller's `done` is no part of the handshake, and no reason to break it off.
  const done = guarded(run.done)
  let over = false

  // This also ends a refused peer that does not close: until then it counts as open.
  const cancelTimer = timers.after(run.timeoutMs, () => {
    finish({ kind: 'broken', detail: `no proof within ${run.timeoutMs} ms` })
    socket.destroy()
  })
  const finish = (result: HandshakeResult): void => {
    if (over) return
    over = true
    done(result)
  }
  const breakOff = (detail: string, cause?: unknown): void => {
    finish({ kind: 'broken', detail, cause })
    socket.destroy()
  }
  const send = (body: Buffer | undefined): void => {
    if (body !== undefined) socket.write(encodeFrame(frameKind.handshake, body))
  }
  const follow = (step: HandshakeStep, decoder: FrameDecoder): void => {
    send(step.send)
    if (step.kind === 'linked') {
      cancelTimer()
      socket.pause()
      detach()
      decoder.open(messageBytesOf(step.peer.role) + BRACKETS_BYTES)
      finish({ kind: 'linked', peer: step.peer, decoder })
    } else if (step.kind === 'refused') {
      // If there is something to tell, the socket must not be destroyed, which could overtake it.
      if (step.send === undefined) socket.destroy()
      else socket.end()
      finish({ kind: 'refused', code: step.code, detail: step.detail })
    }
  }
  const onData = (chunk: Buffer): void => {
    if (over) return
    try {
      if (decoder === undefined && chunk[0] === TLS_FIRST_BYTE) {
        follow(speaksTls(), new FrameDecoder())
        return
      }
      decoder ??= new FrameDecoder()
      decoder.feed(chunk)
      while (!over) {
        const frame = decoder.next()
        if (frame === undefined) return
        follow(run.receive(frame.body), decoder)
      }
    } catch (error) {
      breakOff(reasonOf(error), error)
    }
  }
  const onEnd = (): void => breakOff('the other side closed the connection')
  const onError = (error: Error): void => breakOff(reasonOf(error), error)
  const onClose = (): void => {
    cancelTimer()
    breakOff('the connection closed')
  }
  const detach = (): void => {
    socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
  }
  socket.setNoDelay(true)
  socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  send(run.first)
  return breakOff
}
