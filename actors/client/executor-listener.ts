import { isLoopback, parseActorAddress } from '../../runtime/addresses.js'
import { isFiresteelError } from '../../runtime/errors.js'
import type { IdentitySource } from '../../runtime/transport/identity.js'
import { codeSubjectOf } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import { LinkTable } from '../../runtime/transport/link-table.js'
import { type Listener, type ListenOptions, listen } from '../../runtime/transport/listen.js'

export interface ExecutorListenerOptions {
  /** Interface to listen on; default: loopback if all Masters are there, else all interfaces. */
  readonly host?: string | undefined
  /** Default 0: any free port. */
  readonly port?: number | undefined
  /**
   * Host that executors dial; default: `host` if it is one interface, else what the Master sees (protocol
   * R0).
   */
  readonly advertise?: string | undefined
}

export interface ExecutorListenerParts
  extends ExecutorListenerOptions,
    Pick<ListenOptions, 'onRejected' | 'onInvalid'> {
  /** The registrant's key, from which the application's key derives (protocol 16). */
  readonly key: Buffer
  /** True: the keys of its executors open TLS. */
  readonly isSecure?: boolean
  readonly masters: readonly string[]
  readonly identity: IdentitySource
  /** Undefined until the application is registered. */
  readonly appId: () => string | undefined
  readonly onLink: (link: Link) => void
  /** A Worker asks for the code of this application. */
  readonly onCodeLink?: ((link: Link) => void) | undefined
}

/** The port that this driver's executors dial. */
export interface ExecutorListener {
  /** The value for RegisterApplication. */
  readonly listen: { readonly host?: string; readonly port: number }
  /** Closes the port and all links of executors. */
  close(): Promise<void>
}

const LOOPBACK = '127.0.0.1'
/** Hosts to listen on that cannot be dialled. */
const everywhere: ReadonlySet<string> = new Set(['', '::', '0.0.0.0'])

/** Opens the port. Rejects with PORT_IN_USE or LISTEN_FAILED. */
export async function openExecutorListener(parts: ExecutorListenerParts): Promise<ExecutorListener> {
  const { port = 0, advertise } = parts
  const isLocal = parts.masters.every((address) => isLoopback(parseActorAddress(address).host))
  const links = new LinkTable<Link>()
  const open = (host: string): Promise<Listener> =>
    listen({
      host,
      port,
      identity: parts.identity,
      keyFor: (role, subject) =>
        role === 'application' && subject !== undefined
          ? deriveKey(parts.key, 'application', subject)
          : undefined,
      ...(parts.isSecure && { tls: 'key' as const }),
      onLink: (link) => admit(link, links, parts),
      ...(parts.onRejected && { onRejected: parts.onRejected }),
      ...(parts.onInvalid && { onInvalid: parts.onInvalid }),
    })
  const listener =
    parts.host === undefined && !isLocal ? await openAll(open) : await open(parts.host ?? LOOPBACK)
  // Loopback has several addresses, and a machine several interfaces. Executors must dial the one that
  // listens.
  const only =
    parts.host === undefined
      ? isLocal
        ? LOOPBACK
        : undefined
      : everywhere.has(parts.host)
        ? undefined
        : parts.host
  const host = advertise ?? only
  return {
    listen: { ...(host !== undefined && { host }), port: listener.port },
    async close() {
      await listener.close()
      links.closeAll('the application ended')
    },
  }
}

/** Listens on IPv4 and IPv6 if the machine has both. */
async function openAll(open: (host: string) => Promise<Listener>): Promise<Listener> {
  try {
    return await open('::')
  } catch (error) {
    if (!isFiresteelError(error, 'LISTEN_FAILED')) throw error
    return open('0.0.0.0')
  }
}

/** Closes links of other applications of the same user. Their executors hold other keys. */
function admit(link: Link, links: LinkTable<Link>, parts: ExecutorListenerParts): void {
  const { appId, onLink, onCodeLink } = parts
  const own = appId()
  if (own !== undefined && onCodeLink && link.peer.subject === codeSubjectOf(own)) {
    if (links.add(link)) onCodeLink(link)
  } else if (link.peer.subject !== own) link.close('another application')
  else if (links.add(link)) onLink(link)
}
