import { innerLimits } from '../inner-limits.js'
import { printable } from '../observe/printable.js'
import { shortPath } from './actor-path.js'
import type { TracedMessage } from './merged-trace.js'

/* Traces as trees: each message stands below the one that caused it. Pure. */

const COLUMNS = innerLimits.traceTreeColumns
const DEEPEST = innerLimits.traceTreeDepth
/** The widest offset is +9999 ms. */
const OFFSET_COLUMNS = '+9999 ms '.length

interface Node {
  readonly message: TracedMessage
  readonly effects: Node[]
}

/**
 * One tree for each trace, in the order of their first messages. A message that is not shown gives its place
 * to its effects.
 */
export function traceTrees(
  messages: readonly TracedMessage[],
  shown: (message: TracedMessage) => boolean = () => true,
): string {
  const traces = new Map<number, Node[]>()
  /** For a message that is not shown: the node that its effects stand below. */
  const places = new Map<number, Node | undefined>()
  for (const message of messages) {
    const { id, trace, parent } = message
    const above = parent === undefined ? undefined : places.get(parent)
    if (!shown(message)) {
      places.set(id, above)
      continue
    }
    const node = { message, effects: [] }
    places.set(id, node)
    if (above) above.effects.push(node)
    else if (traces.has(trace)) traces.get(trace)!.push(node)
    else traces.set(trace, [node])
  }
  return [...traces].map(([trace, roots]) => treeText(trace, roots)).join('\n')
}

function treeText(trace: number, roots: readonly Node[]): string {
  const lines: string[] = []
  const startMs = roots[0]!.message.atMs
  let lastMs = startMs
  let count = 0
  // A trace may be deeper than the stack.
  const open = roots.toReversed().map((node) => ({ node, depth: 0, above: undefined as Node | undefined }))
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, depth, above } = next
    lines.push(line(node.message, depth, above?.message, startMs))
    lastMs = Math.max(lastMs, node.message.atMs)
    count++
    for (const effect of node.effects.toReversed()) open.push({ node: effect, depth: depth + 1, above: node })
  }
  const at = new Date(startMs).toISOString().replace('T', ' ')
  const messages = count === 1 ? '1 message' : `${count} messages in ${offsetText(lastMs - startMs)}`
  return `${[`trace ${trace}  ${at}  ${messages}`, ...lines].join('\n')}\n`
}

function line(
  message: TracedMessage,
  depth: number,
  cause: TracedMessage | undefined,
  startMs: number,
): string {
  const offset = `+${offsetText(message.atMs - startMs)}`.padStart(OFFSET_COLUMNS)
  const indent = '  '.repeat(Math.min(depth, DEEPEST)) + (depth > DEEPEST ? `(${depth}) ` : '')
  const refused = message.refused ? ' refused' : ''
  const text = `${offset}  ${indent}${message.message}${refused}${ends(message, cause)}`
  return cut(printable(text))
}

/** The actor that handled the cause sends its effects, so it is not named again. */
function ends({ from, to }: TracedMessage, cause: TracedMessage | undefined): string {
  if (from === to) return cause?.to === to ? '' : `  ${shortPath(to)}`
  return cause?.to === from ? `  -> ${shortPath(to)}` : `  ${shortPath(from)} -> ${shortPath(to)}`
}

const cut = (text: string): string => (text.length <= COLUMNS ? text : `${text.slice(0, COLUMNS - 3)}...`)

function offsetText(ms: number): string {
  const whole = Math.round(ms)
  return whole < 10_000 ? `${whole} ms` : `${(ms / 1000).toFixed(1)} s`
}
