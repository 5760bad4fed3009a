/** What a Worker writes to fd 3 of an executor it starts: JSON, one line. Never in argv or environment. */
export interface ExecutorBoot {
  readonly cluster: string
  /** host:port where the application's driver listens. */
  readonly driver: string
  readonly appId: string
  readonly execId: number
  readonly workerId: string
  /** Host of the Worker, for messages to people. */
  readonly host: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, readonly string[]>>
  /** Application key, base64 (protocol 16). */
  readonly key: string
  /** Without its driver for this long the executor exits. */
  readonly applicationTimeoutMs: number
}
