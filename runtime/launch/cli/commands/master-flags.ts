import { formatHostPort, parseMasterAddresses } from '../../../addresses.js'
import { defaultPorts } from '../../config/deployment.js'
import { type TlsFlags, tlsOf } from './node-flags.js'
import { defined, listOption } from './options.js'

/** Options of `firesteel master`. */
export interface MasterFlags extends TlsFlags {
  readonly name?: string
  readonly cluster?: string
  readonly host?: string
  readonly port?: number
  readonly web?: number | false
  readonly webHost?: string
  readonly advertise?: string
  readonly recovery?: string
  readonly directory?: string
  readonly redis?: string
  readonly sentinel?: string
  readonly election?: string[]
  readonly replicas?: number
  readonly module?: string
  readonly lease?: number
  readonly peers?: string
  readonly workerTimeout?: number
  readonly json?: true
}

/** The name if none is given. */
export const MASTER_NAME = 'm1'

const milliseconds = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : `${ms}ms`

/** `NAME@host:port,host:port`. */
function sentinelOf(text: string | undefined): unknown {
  if (text === undefined) return undefined
  const at = text.lastIndexOf('@')
  return { name: text.slice(0, Math.max(at, 0)), hosts: listOption(text.slice(at + 1)) }
}

/** The other Masters. Every machine may be given the same list. Throws ADDRESS_INVALID. */
function peersOf({ peers, host = '127.0.0.1', advertise = host, port = defaultPorts.master }: MasterFlags) {
  if (peers === undefined) return []
  const own = formatHostPort({ host: advertise, port })
  const others = parseMasterAddresses(peers).filter((peer) => formatHostPort(peer) !== own)
  return others.map((peer, index) => ({ name: `peer-${index + 1}`, ...peer, web: 0 }))
}

/** The flags as a deployment file with this one Master, and the others elsewhere. */
export function masterFlags(options: MasterFlags): unknown {
  const { cluster, name = MASTER_NAME, host, port, web, webHost, advertise } = options
  const { recovery, directory, redis, sentinel, election, replicas, module, lease, workerTimeout } = options
  return defined({
    cluster,
    security: tlsOf(options),
    recovery: defined({
      mode: recovery,
      directory,
      redis,
      sentinel: sentinelOf(sentinel),
      election,
      replicas,
      module,
      lease: milliseconds(lease),
    }),
    masters: [defined({ name, host, port, web, webHost, advertise }), ...peersOf(options)],
    scheduling: defined({ workerTimeout: milliseconds(workerTimeout) }),
  })
}
