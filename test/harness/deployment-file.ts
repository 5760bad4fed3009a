import { resolve } from 'node:path'
import { stringify } from 'yaml'

export interface DeploymentFileOptions {
  readonly cluster: string
  readonly masters: number
  readonly workers: number
  /** Of each Worker. Default: all of the machine. */
  readonly cores: number | undefined
  /** Of each Worker, such as `2g`. Default: that of the machine less 1g. */
  readonly memory: string | undefined
  /** As in a deployment file, without defaults. */
  readonly recovery: RecoveryKeys
  /** Such as `10s`; default 60s. */
  readonly workerTimeout: string | undefined
  readonly orphanGrace: string | undefined
  /** Absolute paths of the files of `security.tls`. Default: no TLS. */
  readonly tls?: TlsKeys | undefined
  /** Keys of each Master instead of the loopback and free ports: `host`, `port`, `web`, `advertise`. */
  readonly places?: readonly Readonly<Record<string, string | number>>[]
  /** The same of each Worker. */
  readonly workerPlaces?: readonly Readonly<Record<string, string | number>>[]
  /** Masters record what they decide in this folder. Default: they do not. */
  readonly recordings?: string
}

/** Keys of `security.tls` in a deployment file. */
export interface TlsKeys {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly crl?: string | undefined
}

/** Keys of `recovery` in a deployment file. */
export interface RecoveryKeys {
  readonly mode: 'FILESYSTEM' | 'NONE' | 'REDIS' | 'CUSTOM'
  readonly redis?: string | undefined
  readonly sentinel?: { readonly name: string; readonly hosts: readonly string[] } | undefined
  readonly election?: readonly string[] | undefined
  readonly lease?: string | undefined
  readonly replicas?: number | undefined
  /** Relative to the working folder. */
  readonly module?: string | undefined
}

/** Names of the nodes: m1, m2, ... and w1, w2, ... */
export const nodeNames = (prefix: 'm' | 'w', count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)

/** Keys that are not given are left out. */
function given(keys: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined))
}

/** A deployment file with free ports. State and secret are in its folder. */
export function deploymentFile(options: DeploymentFileOptions): string {
  const {
    cluster,
    masters,
    workers,
    cores,
    memory,
    recovery,
    workerTimeout,
    orphanGrace,
    tls,
    places = [],
    workerPlaces = [],
    recordings,
  } = options
  const { mode, module } = recovery
  const anyPort = { host: '127.0.0.1', port: 0, web: 0 }
  return stringify({
    cluster,
    recovery: given({
      ...recovery,
      directory: mode === 'FILESYSTEM' ? './state' : undefined,
      module: module === undefined ? undefined : resolve(module),
    }),
    masters: nodeNames('m', masters).map((name, index) => ({ name, ...anyPort, ...places[index] })),
    ...(workers > 0 && {
      workers: nodeNames('w', workers).map((name, index) =>
        given({ name, ...anyPort, cores, memory, ...workerPlaces[index] }),
      ),
    }),
    scheduling: given({ workerTimeout, orphanGrace }),
    security: given({ file: './.firesteel/secret', tls }),
    logging: { level: 'info', format: 'json' },
    ...(recordings !== undefined && { tracing: { record: { directory: recordings } } }),
  })
}
