import type { CommandSpec } from '../../../../actors/executor/command.js'
import type { ClusterOptions } from '../commands/cluster.js'
import type { EnvironmentOptions } from '../commands/environment.js'

export interface EachOptions extends ClusterOptions, EnvironmentOptions {
  readonly jobs?: number
  readonly perCore: number
  readonly keepOrder?: true
  readonly tag?: true
  readonly tagstring?: string
  readonly lineBuffer?: true
  readonly dryRun?: true
  readonly retries: number
  readonly timeout?: number
  readonly delay?: number
  readonly load?: Pick<CommandSpec, 'maxLoad' | 'maxLoadPercent'>
  readonly memfree?: number
  /** As it was given; it has been checked. */
  readonly halt?: string
  readonly null?: true
  readonly argFile?: readonly string[]
  readonly colsep?: RegExp
  readonly maxReplaceArgs?: number
  readonly joblog?: string
  readonly resume?: true
  readonly resumeFailed?: true
  readonly results?: string
  readonly bar?: true
  readonly eta?: true
  readonly memory?: number
  readonly idleTimeout?: number
  readonly summaries: boolean
}
