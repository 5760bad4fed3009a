import { setTimeout as delay } from 'node:timers/promises'
import { backoffMs, jittered } from '../../runtime/backoff.js'
import { CodeChannel } from '../../runtime/code/code-channel.js'
import { errorTold } from '../../runtime/code/code-messages.js'
import { CodeSender, type SendableCode } from '../../runtime/code/code-sender.js'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { CodePlan } from '../messages/code.js'
import type { CodePlace } from '../messages/common.js'
import { dialForCode } from './dial-for-code.js'
import type { MasterClient } from './master-client.js'

export interface CodeToSend extends SendableCode {
  readonly root: string
}

export interface SendCodeOptions {
  readonly client: Pick<MasterClient, 'request' | 'credentialAt'>
  readonly cluster: string
  readonly place: CodePlace
  readonly signal?: AbortSignal | undefined
  /** Bytes of files and manifests that have left, over all Workers. */
  readonly onSent?: ((bytes: number) => void) | undefined
}

/**
 * Brings code to as many Workers as must hold it. Returns when the leader knows that they do. Rejects with
 * CODE_NOT_SENT and the reasons of all Workers, or what a Worker says of the code itself.
 */
export async function sendCode(code: CodeToSend, options: SendCodeOptions): Promise<void> {
  const { client, place, signal } = options
  const { id } = code.manifest
  const untilMs = Date.now() + limits.codeSendMs
  const reasons = new Map<string, string>()
  for (let round = 0, busyRounds = 0; ; ) {
    const plan = await client.request({ type: 'RequestCodePlan', place, id }, { ...(signal && { signal }) })
    if (plan.enough) return
    const { have, isBusy } = await offerAll(code, plan, options, reasons)
    if (have === 0 && !isBusy && round >= ROUNDS) throw notSent(plan, reasons)
    // What a Worker has now, the leader hears in the same moment, but by another link. A busy Worker has to
    // make what others have brought, and those who were refused must not come again together.
    const waitMs = isBusy
      ? jittered(backoffMs(busyRounds++, innerLimits.codeBusyFirstMs, innerLimits.codeBusyMs), Math.random())
      : backoffMs(round++, limits.requestRetryFirstMs, limits.requestRetryMs)
    if (Date.now() + waitMs > untilMs) throw notSent(plan, reasons)
    await delay(waitMs, undefined, { signal })
  }
}

/** Rounds in which no Worker took it, and none was busy. */
const ROUNDS = innerLimits.codeOffers

/** What came of an offer to the Workers of a plan. */
interface Offered {
  /** Workers that have it now. */
  have: number
  /** A Worker could not take it for now. */
  isBusy: boolean
}

/** Offers it to Workers, some at a time, until enough have it. */
async function offerAll(
  code: CodeToSend,
  plan: CodePlan,
  options: SendCodeOptions,
  reasons: Map<string, string>,
): Promise<Offered> {
  const offered: Offered = { have: 0, isBusy: false }
  const open = [...plan.workers]
  const offerSome = async (): Promise<void> => {
    for (let worker = open.shift(); worker && offered.have < limits.codeHolders; worker = open.shift()) {
      try {
        await offer(code, worker.address, options)
        offered.have++
      } catch (error) {
        const { code: why } = error as FiresteelError
        if (final.has(why)) throw error
        if (why === 'FIRESTEEL_BUSY') offered.isBusy = true
        reasons.set(worker.id, reasonOf(error))
      }
    }
  }
  await Promise.all(Array.from({ length: limits.codeHolders }, offerSome))
  return offered
}

/** What no other Worker would take either. */
const final: ReadonlySet<string> = new Set(['FIRESTEEL_CODE_CHANGED', 'FIRESTEEL_CODE_TOO_LARGE'])

async function offer(code: CodeToSend, address: string, options: SendCodeOptions): Promise<void> {
  const { signal, onSent } = options
  const link = await dialForCode(address, options)
  const counts = { bytes: 0, files: 0 }
  try {
    await new Promise<void>((resolve, reject) => {
      let sender: CodeSender
      const channel: CodeChannel = new CodeChannel(link, {
        message: (message) => {
          if (message.type === 'held') resolve()
          else if (message.type === 'failed') {
            reject(errorTold(message))
          } else if (!sender.receive(message))
            throw new FiresteelError('FRAME_INVALID', `${message.type} is not for a submitter.`)
        },
        piece: () => {
          throw new FiresteelError('FRAME_INVALID', 'A submitter takes no code.')
        },
        closed: (reason) => {
          sender.close()
          reject(new FiresteelError('LINK_CLOSED', `The link to ${address} ended: ${reason}.`))
        },
      })
      sender = new CodeSender(channel, async () => code, counts)
      channel.tell({ type: 'offer', id: code.manifest.id, root: code.root })
      signal?.addEventListener('abort', () => link.close('given up'), { once: true })
    })
  } finally {
    onSent?.(counts.bytes)
    link.close('done')
  }
}

function notSent({ workers }: CodePlan, reasons: ReadonlyMap<string, string>): FiresteelError {
  const all = [...reasons].map(([worker, reason]) => `${worker}: ${reason.replace(/\.$/, '')}`).join('; ')
  const why = workers.length === 0 ? 'there is no Worker that could hold it' : all
  return new FiresteelError('CODE_NOT_SENT', `The code could not be sent: ${why}.`)
}
