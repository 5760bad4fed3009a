/** Under this name each thread of an executor finds `codeRoots`. */
export const CODE_ROOTS = 'firesteel.codeRoots'

/**
 * What a Worker writes to descriptor 3 of an executor: JSON in one line. It never goes by argv or
 * environment.
 */
export interface ExecutorBoot {
  readonly cluster: string
  /** `host:port` where the application's driver listens. */
  readonly driver: string
  readonly appId: string
  readonly execId: number
  readonly workerId: string
  /** Host of the Worker, for texts that people read. */
  readonly host: string
  readonly cores: number
  /** Tasks at a time on each core. */
  readonly tasksPerCore: number
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, readonly string[]>>
  /** Application key, base64 (protocol 16). */
  readonly key: string
  /** Its driver speaks TLS, by this key. */
  readonly tls?: true
  /**
   * Task modules below `root`, on the driver's machine, are below `folder` here; absent: at the same path.
   */
  readonly code?: { readonly root: string; readonly folder: string } | undefined
  /** Task modules are below one of these folders; absent: anywhere. Commands are refused then. */
  readonly codeRoots?: readonly string[] | undefined
  /** The message that led to its launch, as traces name it. */
  readonly cause?: { readonly id: number; readonly trace: number } | undefined
  /** The executor exits after this long without its driver. */
  readonly applicationTimeoutMs: number
}
