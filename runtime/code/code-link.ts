import { splitHostPort } from '../addresses.js'
import { FiresteelError } from '../errors.js'
import { type DialOptions, dial } from '../transport/dial.js'
import { type LocalIdentity, newIncarnation, type Role } from '../transport/identity.js'
import { CodeChannel, type CodeLink } from './code-channel.js'
import type { CodeSource, OpenSource } from './code-maker.js'
import { CodeReceiver } from './code-receiver.js'

export interface SourceOptions {
  /** host:port. */
  readonly address: string
  readonly role: Role
  readonly subject: string
  readonly key: Buffer
  readonly tls: DialOptions['tls']
  readonly cluster: string
  /** host:port of this node, which others may be told; undefined: they may not. */
  readonly advertise: string | undefined
  readonly deadMs?: number | undefined
}

/** Somebody who has code and listens. */
export function sourceAt(options: SourceOptions): CodeSource {
  return { name: options.address, open: (signal) => openSource(options, signal) }
}

async function openSource(options: SourceOptions, signal: AbortSignal): Promise<OpenSource> {
  const { address, role, subject, key, tls, cluster, advertise, deadMs } = options
  const identity: LocalIdentity = { cluster, incarnation: newIncarnation('code'), advertise }
  const at = splitHostPort(address)
  const dialOptions: DialOptions = { ...at, identity, role, subject, key, tls, signal, deadMs }
  const link = await dial(dialOptions)
  const { receiver, channel } = receiverOn(link)
  const abort = (): void => {
    receiver.fail(new FiresteelError('CODE_MISSING', 'it is not needed any more'))
    link.close('the code is not needed any more')
  }
  signal.addEventListener('abort', abort, { once: true })
  link.whenEnded(() => signal.removeEventListener('abort', abort))
  return {
    receiver,
    done: (id, failure) => {
      if (!failure) channel.tell({ type: 'held', id, ...(advertise !== undefined && { address: advertise }) })
      // What was told leaves before the link ends.
      setImmediate(() => link.close('done'))
    },
  }
}

function receiverOn(link: CodeLink): { readonly receiver: CodeReceiver; readonly channel: CodeChannel } {
  let receiver: CodeReceiver
  const channel: CodeChannel = new CodeChannel(link, {
    message: (message) => {
      if (!receiver.receive(message))
        throw new FiresteelError('FRAME_INVALID', `A source of code sent ${message.type}.`)
    },
    piece: (piece) => receiver.piece(piece),
    closed: (reason) =>
      receiver.fail(new FiresteelError('LINK_CLOSED', `the link for the code ended: ${reason}`)),
  })
  receiver = new CodeReceiver(channel)
  return { receiver, channel }
}
