import { limits } from '../limits.js'
import type { Envelope } from '../system/envelope.js'
import { matchesActor, shortPath } from './actor-path.js'
import type { NewestMessages, TraceRing } from './ring.js'

/** What people look for among the newest messages of a process. A message must match all that is given. */
export interface MessageSearch {
  /** A part of its type, in whatever case. */
  readonly message?: string | undefined
  /** Sender or receiver: as `matchesActor` reads it, or a part of its short path, in whatever case. */
  readonly actor?: string | undefined
  readonly trace?: number | undefined
  /** Not these types. */
  readonly except?: readonly string[] | undefined
  /** Without what actors send to themselves. */
  readonly toOthers?: boolean | undefined
  /** Only older ones than this number of the ring. */
  readonly before?: number | undefined
}

/**
 * One page of them. The ring is looked through in parts, so that no search holds its process up: so many
 * messages, and so many milliseconds, because what a look costs is a matter of the search and of the paths.
 */
export function newestMessages(
  ring: TraceRing,
  search: MessageSearch,
  nowMs: () => number = () => performance.now(),
): NewestMessages {
  const endMs = nowMs() + limits.httpSliceMs
  return ring.newest(wantedBy(search), {
    before: search.before,
    most: limits.pageRows,
    looks: limits.traceChunkLooks,
    isOver: () => nowMs() >= endMs,
  })
}

function wantedBy({
  message,
  actor,
  trace,
  except,
  toOthers,
}: MessageSearch): (envelope: Envelope) => boolean {
  const left = new Set(except)
  const type = message?.toLowerCase()
  const isOfType = remembered((text) => text.toLowerCase().includes(type ?? ''))
  const isOfActor = remembered((path) => isActor(path, actor ?? ''))
  return (envelope) =>
    (trace === undefined || envelope.trace === trace) &&
    !left.has(envelope.message.type) &&
    !(toOthers && envelope.from === envelope.to) &&
    (type === undefined || isOfType(envelope.message.type)) &&
    (actor === undefined || isOfActor(envelope.from) || isOfActor(envelope.to))
}

const isActor = (path: string, sought: string): boolean =>
  matchesActor(path, sought) || shortPath(path).toLowerCase().includes(sought.toLowerCase())

/** Types and paths repeat, so each is compared once. */
function remembered(test: (text: string) => boolean): (text: string) => boolean {
  const known = new Map<string, boolean>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const answer = test(text)
    known.set(text, answer)
    return answer
  }
}
