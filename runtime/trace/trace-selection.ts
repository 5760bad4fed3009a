import { matchesActor } from './actor-path.js'
import type { TracedMessage } from './merged-trace.js'
import { withRelatives } from './relatives.js'

/* Which messages of a merged trace are shown. Pure. */

/** What is asked for. A message must match all that is given. */
export interface TraceSelection {
  /** The id of the message that began a trace. */
  readonly trace?: number | undefined
  /** Id or name of an application. */
  readonly app?: string | undefined
  /** Id or name of a driver. */
  readonly driver?: string | undefined
  /** Messages that are not about an application or driver, although they name it. */
  readonly except?: readonly string[] | undefined
}

/** What of the selected messages is printed. */
export interface TraceView {
  readonly messages?: readonly string[] | undefined
  readonly except?: readonly string[] | undefined
  readonly toOthers?: boolean | undefined
  readonly actor?: string | undefined
  readonly sinceMs?: number | undefined
}

type Kind = 'app' | 'driver'

/** The field that holds the id, and the messages whose description has the name of such a thing. */
const kinds = {
  app: { key: 'appId', types: /Application|Executor/ },
  driver: { key: 'driverId', types: /Driver/ },
} as const

/** An id names one thing wherever it stands, also as a part of a path or of the name of a process. */
const ID = /^(?:app|driver)-\d{14}-\d+-\d{4,}$/
const WORD = '[\\w-]'

/**
 * The messages that name what is asked for, all that led to them, and all that they led to. The order stays.
 * The messages must have their payloads, because names and ids stand there.
 */
export function selected(
  messages: readonly TracedMessage[],
  { trace, app, driver, except }: TraceSelection,
): readonly TracedMessage[] {
  let kept = trace === undefined ? messages : messages.filter((message) => message.trace === trace)
  if (app !== undefined) kept = ofSubject(messages, kept, 'app', app, except)
  if (driver !== undefined) kept = ofSubject(messages, kept, 'driver', driver, except)
  return kept
}

/** `all` has the whole causes, whatever was left out of `kept` by another filter. */
function ofSubject(
  all: readonly TracedMessage[],
  kept: readonly TracedMessage[],
  kind: Kind,
  wanted: string,
  except: readonly string[] = [],
): readonly TracedMessage[] {
  const others = new Set(except)
  const about = all.filter(({ message }) => !others.has(message))
  const parents = new Map(all.map(({ id, parent }) => [id, parent]))
  const related = withRelatives(parents, naming(about, kind, wanted))
  return kept.filter(({ id }) => related.has(id))
}

/** Ids of the messages that name it. A name is looked up in the messages themselves. */
function naming(messages: readonly TracedMessage[], kind: Kind, wanted: string): Set<number> {
  const named = new Set<number>()
  const ids = new Set<string>()
  const { key, types } = kinds[kind]
  if (ID.test(wanted)) ids.add(wanted)
  else {
    for (const { id, message, parent, payload } of messages) {
      const isAnswer = parent !== undefined && named.has(parent)
      const isNamed = types.test(message) && isDescribedAs(payload, wanted)
      if (isNamed) named.add(id)
      // The request that brings the name has no id yet. Its answer tells the id.
      const subject = isNamed || isAnswer ? textAt(payload, key) : undefined
      if (subject !== undefined) ids.add(subject)
    }
  }
  if (ids.size === 0) return named
  const any = [...ids].map((id) => id.replace(/[^\w-]/g, '\\$&')).join('|')
  const pattern = new RegExp(`(?<!${WORD})(?:${any})(?!${WORD})`)
  for (const { id, payload } of messages) {
    if (payload !== undefined && pattern.test(JSON.stringify(payload))) named.add(id)
  }
  return named
}

function isDescribedAs(payload: unknown, wanted: string): boolean {
  const { name, description, application } = fieldsOf(payload)
  return [name, fieldsOf(description).name, fieldsOf(application).name].includes(wanted)
}

function textAt(payload: unknown, key: string): string | undefined {
  const value = fieldsOf(payload)[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

/** Whether a message is printed. */
export function isShown(view: TraceView): (message: TracedMessage) => boolean {
  const { actor, toOthers, sinceMs = Number.NEGATIVE_INFINITY } = view
  const types = view.messages && new Set(view.messages)
  const except = new Set(view.except)
  return ({ atMs, message, from, to }) =>
    atMs >= sinceMs &&
    (types === undefined || types.has(message)) &&
    !except.has(message) &&
    !(toOthers && from === to) &&
    (actor === undefined || matchesActor(from, actor) || matchesActor(to, actor))
}
