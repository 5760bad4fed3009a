import { setTimeout as delay } from 'node:timers/promises'
import { backoffMs } from '../../runtime/backoff.js'
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
  for (let round = 0; ; round++) {
    const plan = await client.request({ type: 'RequestCodePlan', place, id }, { ...(signal && { signal }) })
    if (plan.enough) return
    if ((await offerAll(code, plan, options, reasons)) === 0 && (round >= ROUNDS || Date.now() > untilMs))
      throw notSent(plan, reasons)
    // What a Worker has now, the leader hears in the same moment, but by another link.
    await delay(backoffMs(round, limits.requestRetryFirstMs, limits.requestRetryMs), undefined, { signal })
    if (Date.now() > untilMs) throw notSent(plan, reasons)
  }
}

/** Rounds in which no Worker took it. */
const ROUNDS = innerLimits.codeOffers

/** Offers it to Workers, some at a time, until enough have it. Returns how many do. */
async function offerAll(
  code: CodeToSend,
  plan: CodePlan,
  options: SendCodeOptions,
  reasons: Map<string, string>,
): Promise<number> {
  let have = 0
  const open = [...plan.workers]
  const offerSome = async (): Promise<void> => {
    for (let worker = open.shift(); worker && have < limits.codeHolders; worker = open.shift()) {
      try {
        await offer(code, worker.address, options)
        have++
      } catch (error) {
        if (final.has((error as FiresteelError).code)) throw error
        reasons.set(worker.id, reasonOf(error))
      }
    }
  }
  await Promise.all(Array.from({ length: limits.codeHolders }, offerSome))
  return have
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
