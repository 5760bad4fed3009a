/** What `firesteel status --json` prints. Its shape is public, with states as in Spark. */
export interface StatusReport {
  readonly cluster: string
  readonly epoch: number
  /** firesteel://host:port of the leader; null if there is none. */
  readonly leader: string | null
  readonly masters: readonly { readonly address: string; readonly state: string }[]
  readonly workers: readonly {
    readonly id: string
    readonly name: string
    readonly address: string
    readonly state: string
    readonly suspect?: boolean
    readonly cores: number
    readonly coresUsed: number
    readonly memoryMib: number
    readonly memoryMibUsed: number
  }[]
  readonly applications: readonly {
    readonly id: string
    readonly name: string
    readonly state: string
    readonly cores: number
    readonly executors: number
  }[]
  readonly drivers: readonly {
    readonly id: string
    readonly name: string
    readonly state: string
    /** Id of its Worker. */
    readonly worker: string | null
    readonly generation: number
    readonly supervise: boolean
  }[]
  readonly stale?: boolean
}
