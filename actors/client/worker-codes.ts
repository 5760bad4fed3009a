import type { CodeRow } from '../../runtime/code/code-cache.js'
import { CodeChannel } from '../../runtime/code/code-channel.js'
import type { CodeMessage } from '../../runtime/code/code-messages.js'
import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { before, systemTimers } from '../../runtime/timers.js'
import { type CodeDialer, dialForCode } from './dial-for-code.js'

type Answer<T extends CodeMessage['type']> = Extract<CodeMessage, { type: T }>

/**
 * The codes in the cache of the Worker at this address. Rejects with the errors of dial(), or LINK_CLOSED.
 */
export async function listCodes(dialer: CodeDialer, address: string): Promise<CodeRow[]> {
  const rows: CodeRow[] = []
  await withWorker(dialer, address, async (ask) => {
    for (let from = ''; ; ) {
      const page = await ask({ type: 'list', from }, 'rows')
      rows.push(...page.rows)
      const last = page.rows.at(-1)
      if (!page.more || last === undefined) return
      from = last.id
    }
  })
  return rows
}

/** Removes a code from the cache of a Worker. Returns why not; undefined: it is gone. */
export async function removeCode(
  dialer: CodeDialer,
  address: string,
  id: string,
): Promise<string | undefined> {
  let reason: string | undefined
  await withWorker(dialer, address, async (ask) => {
    const answer = await ask({ type: 'remove', id }, 'removed')
    reason = answer.done ? undefined : answer.reason
  })
  return reason
}

type Ask = <T extends CodeMessage['type']>(question: CodeMessage, answer: T) => Promise<Answer<T>>

async function withWorker(
  dialer: CodeDialer,
  address: string,
  use: (ask: Ask) => Promise<void>,
): Promise<void> {
  const link = await dialForCode(address, dialer)
  let answered: (message: CodeMessage) => void = () => {}
  let failed: (error: FiresteelError) => void = () => {}
  const channel = new CodeChannel(link, {
    message: (message) => answered(message),
    piece: () => {
      throw new FiresteelError('FRAME_INVALID', 'This side takes no code.')
    },
    closed: (reason) =>
      failed(
        new FiresteelError('LINK_CLOSED', `The link to ${address} ended: ${reason}.`, { place: address }),
      ),
  })
  const ask: Ask = (question, type) => {
    const answer = new Promise<Answer<typeof type>>((resolve, reject) => {
      failed = reject
      answered = (message) => {
        if (message.type === type) resolve(message as Answer<typeof type>)
      }
      channel.tell(question)
    })
    const late = () => new FiresteelError('ASK_TIMEOUT', `${address} did not answer.`, { place: address })
    return before(answer, limits.codeStallMs, systemTimers, late)
  }
  try {
    await use(ask)
  } finally {
    link.close('done')
  }
}
