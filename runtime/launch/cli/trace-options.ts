import { periodicMessages, questionMessages } from '../../../actors/messages/trace.js'
import { FiresteelError } from '../../errors.js'
import type { TraceFormat } from '../../trace/trace-formats.js'
import type { TraceSelection, TraceView } from '../../trace/trace-selection.js'
import type { ClusterOptions } from './commands/cluster.js'
import type { TraceFilter } from './trace-collector.js'

export interface TraceOptions extends ClusterOptions {
  readonly follow?: true
  readonly message?: readonly string[]
  readonly actor?: string
  readonly trace?: number
  readonly app?: string
  readonly driver?: string
  readonly tree?: true
  readonly since?: number
  readonly format?: TraceFormat
  readonly payloads?: true
  readonly quiet?: true
  readonly tail?: number
}

export const traceActions = ['record', 'show'] as const
export type TraceAction = (typeof traceActions)[number]

/** What a recorded trace is shown by. It is recorded whole, so that later questions can be answered too. */
const ofShow = {
  ...{ message: '--message', actor: '--actor', trace: '--trace', app: '--app', driver: '--driver' },
  ...{ tree: '--tree', format: '--format', payloads: '--payloads', quiet: '--quiet', tail: '--tail' },
  json: '--json',
} as const satisfies Partial<Record<keyof TraceOptions, string>>

/** Throws USAGE for options that contradict each other, or would have no effect. */
export function checkTraceOptions(
  action: TraceAction | undefined,
  file: string | undefined,
  options: TraceOptions,
): void {
  const { follow, tree, app, driver, trace, format, json, tail } = options
  if (action !== undefined && file === undefined)
    throw new FiresteelError('USAGE', `trace ${action} needs a file.`, {
      help: `Write firesteel trace ${action} FILE.`,
    })
  const idle = (Object.keys(ofShow) as (keyof typeof ofShow)[]).find((name) => options[name] !== undefined)
  if (action === 'record' && idle !== undefined)
    throw new FiresteelError(
      'USAGE',
      `trace record writes all messages, so ${ofShow[idle]} does not go with it.`,
      {
        help: `Give it to firesteel trace show ${file}.`,
      },
    )
  const isWhole = action ?? (tree ? '--tree' : undefined) ?? selectionName({ app, driver, trace })
  if (follow && isWhole !== undefined)
    throw new FiresteelError('USAGE', `-f does not go with ${isWhole}, which needs the whole trace.`)
  if (follow && format === 'svg')
    throw new FiresteelError('USAGE', '-f does not go with --format svg, because a picture is drawn whole.')
  if (tree && (format !== undefined || json || tail !== undefined))
    throw new FiresteelError('USAGE', '--tree does not go with --format, --json or --tail.')
}

const selectionName = ({ app, driver, trace }: TraceSelection): string | undefined => {
  if (app !== undefined) return '--app'
  if (driver !== undefined) return '--driver'
  return trace === undefined ? undefined : '--trace'
}

/** What processes are asked for. Causes may be any messages, and names stand in their contents. */
export function filterOf(options: TraceOptions, action?: TraceAction): TraceFilter {
  const { since } = options
  const young = since === undefined ? {} : { sinceAgoMs: since }
  if (action === 'record') return { ...young, payloads: true }
  const { app, driver, trace, tree, payloads } = options
  const namesSubject = app !== undefined || driver !== undefined
  if (namesSubject || trace !== undefined || tree)
    return { ...young, ...((payloads || namesSubject) && { payloads: true }) }
  const { messages, except, toOthers, actor } = viewOf(options, 0)
  return {
    ...young,
    ...(messages && { messages: [...messages] }),
    ...(actor !== undefined && { actor }),
    ...(payloads && { payloads }),
    ...(except && { except: [...except] }),
    ...(toOthers && { toOthers }),
  }
}

/** Questions about a driver or application are left out, unless they are asked for by name. */
export const selectionOf = ({ trace, app, driver, message }: TraceOptions): TraceSelection => ({
  ...{ trace, app, driver },
  ...(!message && { except: questionMessages }),
})

/** `nowMs`: from when `--since` counts. */
export function viewOf({ message, actor, since, quiet }: TraceOptions, nowMs: number): TraceView {
  return {
    messages: message,
    actor,
    ...(since !== undefined && { sinceMs: nowMs - since }),
    // Messages that were asked for by name are never left out.
    ...(quiet && !message && { except: periodicMessages, toOthers: true }),
  }
}
