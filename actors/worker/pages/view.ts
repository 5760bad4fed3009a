import type { FindLog } from '../logs/kept-log.js'
import type { WorkerStatus } from '../status.js'

/** What the pages of a Worker show. */
export interface WorkerPageView {
  readonly state: WorkerStatus
  readonly cluster: string
  readonly findLog: FindLog
}
