import { FiresteelError } from '../errors.js'
import * as z from '../zod.js'
import type { TracedMessage } from './merged-trace.js'
import { TRACE_PATH_MAX, TRACE_TYPE_MAX } from './record.js'
import { jsonLine } from './show-merged-trace.js'

/*
 * A recorded trace: JSON lines, of which the first is the header and each other is one message as `trace
 * --format json` prints it, in causal order. Pure: text in, text out.
 */

const missingTrace = z.object({ process: z.string(), reason: z.string() })

const traceHeader = z.object({
  /** The format and its version. Another version is not read. */
  firesteelTrace: z.literal(1),
  recordedAt: z.string(),
  /** Name of the cluster. */
  cluster: z.string(),
  versions: z.object({
    /** Release of the command that recorded. */
    firesteel: z.string(),
    /** The protocols that this release speaks. */
    protocols: z.string(),
    node: z.string(),
  }),
  messages: z.int().min(0),
  /** Processes whose messages are not here, or not all of them. */
  missing: z.array(missingTrace),
})
export type TraceHeader = z.infer<typeof traceHeader>

const id = z.int().min(0)
const tracedLine = z.object({
  at: z.string(),
  from: z.string().max(TRACE_PATH_MAX),
  to: z.string().max(TRACE_PATH_MAX),
  message: z.string().max(TRACE_TYPE_MAX),
  epoch: z.number(),
  id,
  trace: id,
  parent: id.nullable(),
  bytes: z.number().nullable(),
  tookUs: z.number().nullable(),
  refused: z.literal(true).optional(),
  payload: z.unknown().optional(),
})

export interface RecordedTrace {
  readonly header: TraceHeader
  readonly messages: readonly TracedMessage[]
}

/** The lines of a recorded trace, the header first. */
export function* traceFileLines({ header, messages }: RecordedTrace): Iterable<string> {
  yield `${JSON.stringify(header)}\n`
  for (const message of messages) yield jsonLine(message)
}

/** Throws TRACE_FILE_INVALID with the line. `file` is its name for people. */
export function readTraceFile(text: string, file: string): RecordedTrace {
  const lines = text.split('\n')
  // The last line of a whole file ends with a line break.
  if (lines.at(-1) === '') lines.pop()
  const [first, ...rest] = lines
  const header = traceHeader.safeParse(parsed(first, file, 1))
  if (!header.success) {
    throw refusal(file, 1, `it is not the header of a recorded trace: ${problemOf(header.error)}`)
  }
  const messages = rest.map((line, index) => messageOf(line, file, index + 2))
  const { messages: told } = header.data
  if (messages.length !== told)
    throw refusal(
      file,
      lines.length,
      `the file ends after ${messages.length} messages, and its header tells of ${told}`,
    )
  return { header: header.data, messages }
}

function messageOf(line: string, file: string, number: number): TracedMessage {
  const read = tracedLine.safeParse(parsed(line, file, number))
  if (!read.success) throw refusal(file, number, `it is not a message of a trace: ${problemOf(read.error)}`)
  const { at, parent, bytes, tookUs, payload, refused, ...plain } = read.data
  const atMs = Date.parse(at)
  if (Number.isNaN(atMs)) throw refusal(file, number, `"at" is no time: ${JSON.stringify(at.slice(0, 40))}`)
  return {
    atMs,
    ...plain,
    parent: parent ?? undefined,
    bytes: bytes ?? undefined,
    tookUs: tookUs ?? undefined,
    ...(refused && { refused }),
    ...(payload !== undefined && { payload }),
  }
}

function parsed(line: string | undefined, file: string, number: number): unknown {
  if (line === undefined) throw refusal(file, number, 'the file is empty')
  try {
    return JSON.parse(line)
  } catch {
    throw refusal(file, number, 'it is not JSON')
  }
}

/** The first thing that is wrong, with the field. */
function problemOf(error: z.core.$ZodError): string {
  const [issue] = error.issues
  if (issue === undefined) return 'it breaks a rule'
  const path = issue.path.join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

const refusal = (file: string, line: number, why: string): FiresteelError =>
  new FiresteelError('TRACE_FILE_INVALID', `${file}, line ${line}: ${why}.`, { place: `${file}:${line}` })
