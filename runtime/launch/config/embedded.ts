import { join } from 'node:path'
import type { Deployment } from './deployment.js'
import { resolveDeployment } from './resolve.js'

export interface EmbeddedOptions {
  /** Absolute folder of its state. */
  readonly folder: string
  readonly cluster: string
  /** All ports are free ones. */
  readonly freePorts: boolean
  /** Ports of the Master; absent: the default ports, or free ones. */
  readonly port?: number | undefined
  /** False: neither the Master nor the Workers have HTTP. */
  readonly web?: number | false | undefined
  readonly workers: number
  /** Cores of each Worker; null: all of this machine. */
  readonly cores: number | null
  readonly memoryMib: number | null
  readonly logLevel: Deployment['logging']['level']
}

/**
 * What `up` runs without a file: one Master that keeps its state in the folder, and Workers on this machine,
 * without REST.
 */
export function embeddedDeployment(options: EmbeddedOptions): Deployment {
  const { folder, freePorts, workers, cores, memoryMib, logLevel } = options
  const { port = freePorts ? 0 : undefined, web = freePorts ? 0 : undefined } = options
  const ports = { ...(port !== undefined && { port }), ...(web !== undefined && { web }) }
  // Who chooses the Master's page has another cluster on this machine, perhaps at the Worker's default port.
  const workerPorts = web === undefined ? {} : { port: 0, web: web === false ? web : 0 }
  const deployment = resolveDeployment(
    {
      cluster: options.cluster,
      recovery: { mode: 'FILESYSTEM', directory: join(folder, 'state') },
      masters: [{ ...ports }],
      workers: Array.from({ length: workers }, () => ({
        ...workerPorts,
        ...(cores === null ? {} : { cores }),
        ...(memoryMib === null ? {} : { memory: memoryMib }),
      })),
      logging: { level: logLevel, format: 'text' },
    },
    folder,
  )
  return deployment
}
