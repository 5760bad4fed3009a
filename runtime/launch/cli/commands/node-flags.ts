import { FiresteelError } from '../../../errors.js'
import type { Command } from '../commander.js'
import { defined, portOption } from './options.js'

/* What `master` and `worker` have in common: options that describe a node without a deployment file. */

export interface TlsFlags {
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsCrl?: string
}

/** The default ports are those of its role. */
export const nodeOptions = (
  command: Command,
  { port, web }: { readonly port: number; readonly web: number },
) =>
  command
    .option('--cluster <name>', 'name of the cluster (default: firesteel)')
    .option('--host <host>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <port>', `port of its actors, 0 for any (default: ${port})`, portOption)
    .option('--web <port>', `port of its HTTP, 0 for any (default: ${web})`, portOption)
    .option('--no-web', 'it has no HTTP: no pages, probes or metrics')
    .option('--web-host <host>', 'address on which its HTTP listens (default: that of --host)')
    .option('--advertise <host>', 'host under which others reach it (default: that of --host)')
    .option(
      '--tls-ca <file>',
      'CA of the nodes (PEM): TLS on every connection; needs --tls-cert and --tls-key',
    )
    .option('--tls-cert <file>', 'certificate of this node (PEM)')
    .option('--tls-key <file>', 'its key (PEM)')
    .option('--tls-crl <file>', 'revocation list of the CA (PEM)')

/** As in a deployment file; undefined: none of them is given. */
export function tlsOf({ tlsCa: ca, tlsCert: cert, tlsKey: key, tlsCrl: crl }: TlsFlags): object | undefined {
  const tls = defined({ ca, cert, key, crl })
  return Object.keys(tls).length === 0 ? undefined : { tls }
}

const flagOf = (key: string, value: unknown): string =>
  `--${value === false ? 'no-' : ''}${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** With FILE, these two say which of its nodes, and how its lines are printed. */
const besideFile: ReadonlySet<string> = new Set(['name', 'json'])

/** Throws USAGE: an option that describes a node would have no effect beside a file that describes it. */
export function refuseBesideFile(file: string | undefined, options: object): void {
  if (file === undefined) return
  const given = Object.entries(options).filter(([key]) => !besideFile.has(key))
  if (given.length === 0) return
  const flags = given.map(([key, value]) => flagOf(key, value)).join(', ')
  const message = `${flags} ${given.length === 1 ? 'describes' : 'describe'} a node without a file, and ${file} describes this one. Change the file instead.`
  throw new FiresteelError('USAGE', message, { place: file })
}
