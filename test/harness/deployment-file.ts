import { stringify } from 'yaml'

export interface DeploymentFileOptions {
  readonly cluster: string
  readonly masters: number
  readonly workers: number
  /** Of each Worker; default all of the machine. */
  readonly cores: number | undefined
  /** Of each Worker, such as `2g`; default that of the machine less 1g. */
  readonly memory: string | undefined
  readonly recovery: 'FILESYSTEM' | 'NONE'
}

/** Names of the nodes: m1, m2, ... and w1, w2, ... */
export const nodeNames = (prefix: 'm' | 'w', count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)

/** A deployment file whose ports are all free ones; state and secret lie beside it. */
export function deploymentFile(options: DeploymentFileOptions): string {
  const { cluster, masters, workers, cores, memory, recovery } = options
  const anyPort = { host: '127.0.0.1', port: 0, web: 0 }
  return stringify({
    cluster,
    recovery: recovery === 'FILESYSTEM' ? { mode: recovery, directory: './state' } : { mode: recovery },
    masters: nodeNames('m', masters).map((name) => ({ name, ...anyPort })),
    ...(workers > 0 && {
      workers: nodeNames('w', workers).map((name) => ({
        name,
        ...anyPort,
        ...(cores !== undefined && { cores }),
        ...(memory !== undefined && { memory }),
      })),
    }),
    security: { file: './.firesteel/secret' },
    logging: { level: 'info', format: 'json' },
  })
}
