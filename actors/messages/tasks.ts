import { Buffer } from 'node:buffer'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { ByteReader, ByteWriter, invalid } from './bytes.js'
import {
  type AttemptKey,
  type AttemptProgress,
  type Chunk,
  type FromExecutor,
  type FunctionEntry,
  type Hello,
  type OutputPart,
  type PartKey,
  type ResultEntry,
  type RunEntry,
  resultStatuses,
  type ToExecutor,
  type TraceOrigin,
  type TraceText,
} from './task-entries.js'
import { readTrace, traceBytes, writeTrace } from './trace-bytes.js'

/*
 * The conversation between a driver and its executors, the only binary one. Each message is the body of one
 * payload frame: kind (1 byte), then fields, little endian. Bodies over INLINE_BYTES are sent earlier, in
 * chunks.
 *
 * An attempt is (taskId, n): n counts how often the task was given to an executor. No later code validates
 * again. The reader throws FRAME_INVALID, and the link's owner drops the frame.
 */

const kinds = {
  welcome: 1,
  refused: 2,
  functions: 3,
  run: 4,
  chunk: 5,
  cancel: 6,
  ack: 7,
  recall: 8,
  exit: 9,
  taken: 10,
  ask: 11,
  hello: 16,
  held: 17,
  started: 18,
  returned: 19,
  results: 20,
  log: 21,
  ending: 22,
  progress: 23,
  output: 24,
  answer: 25,
} as const

/** Larger bodies are sent in chunks, so that every frame stays small. */
export const INLINE_BYTES = innerLimits.taskInlineBytes
const FRAME_BYTES = limits.payloadChunkBytes
const KEY_BYTES = 8 + 4
const RUN_BYTES = KEY_BYTES + 4 + 4 + 1 + 4
const RESULT_BYTES = KEY_BYTES + 1 + 1 + 4
const FUNCTION_BYTES = 4 + 4 + 4
const BATCH_HEADER_BYTES = 1 + 1 + 4
const PROGRESS_BYTES = KEY_BYTES + 4 + 4
const CHUNK_HEADER_BYTES = 1 + KEY_BYTES + 8
export const CHUNK_BYTES = FRAME_BYTES - CHUNK_HEADER_BYTES
const OUTPUT_HEADER_BYTES = 1 + KEY_BYTES + 4 + 1 + 4
/** Bytes of one part of an output. */
export const OUTPUT_BYTES = FRAME_BYTES - OUTPUT_HEADER_BYTES
/** Longer texts for people are cut, not refused. */
const TEXT_BYTES = innerLimits.taskTextBytes

export type Emit = (parts: readonly Uint8Array[]) => void

/** Bits of a task: its input was sent in chunks; the context of its span stands before the input. */
const bits = { chunked: 1, traced: 2 } as const
const NO_BYTES = new Uint8Array(0)

/** A fraction travels in millionths: nobody sees more. */
const millionths = 1e6

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8')
const shortText = (text: string): Buffer => utf8(text).subarray(0, TEXT_BYTES)

// Writing

/** Cuts entries into frames of at most FRAME_BYTES. */
function emitBatches<T>(
  kind: number,
  entries: readonly T[],
  sizeOf: (entry: T) => number,
  write: (writer: ByteWriter, entry: T) => void,
  emit: Emit,
  head: (last: boolean) => number = () => 0,
): void {
  let from = 0
  do {
    let size = BATCH_HEADER_BYTES
    let to = from
    while (to < entries.length) {
      const next = sizeOf(entries[to] as T)
      if (to > from && size + next > FRAME_BYTES) break
      size += next
      to++
    }
    const writer = new ByteWriter(size)
    writer
      .u8(kind)
      .u8(head(to === entries.length))
      .u32(to - from)
    for (let index = from; index < to; index++) write(writer, entries[index] as T)
    emit([writer.bytes])
    from = to
  } while (from < entries.length)
}

const keySize = (): number => KEY_BYTES
const writeKey = (writer: ByteWriter, { taskId, n }: AttemptKey): ByteWriter =>
  writer.safeInteger(taskId).u32(n)

export function writeWelcome(maxInputBytes: number, maxResultBytes: number, emit: Emit): void {
  emit([new ByteWriter(17).u8(kinds.welcome).safeInteger(maxInputBytes).safeInteger(maxResultBytes).bytes])
}

export function writeReason(kind: 'refused' | 'exit', reason: string, emit: Emit): void {
  const text = shortText(reason)
  emit([new ByteWriter(5 + text.length).u8(kinds[kind]).text(text).bytes])
}

export function writeEnding(reason: string, hasWorked: boolean, emit: Emit): void {
  const text = shortText(reason)
  const writer = new ByteWriter(6 + text.length).u8(kinds.ending).text(text)
  emit([writer.u8(hasWorked ? 1 : 0).bytes])
}

export function writeFunctions(functions: readonly FunctionEntry[], emit: Emit): void {
  const entries = functions.map(({ functionId, url, name }) => ({
    functionId,
    url: utf8(url),
    name: utf8(name),
  }))
  const sizeOf = (entry: (typeof entries)[number]): number =>
    FUNCTION_BYTES + entry.url.length + entry.name.length
  emitBatches(
    kinds.functions,
    entries,
    sizeOf,
    (writer, entry) => writer.u32(entry.functionId).text(entry.url).text(entry.name),
    emit,
  )
}

/** Inputs over INLINE_BYTES must be undefined here, and their chunks must be sent before. */
export function writeRun(tasks: readonly RunEntry[], emit: Emit): void {
  emitBatches(
    kinds.run,
    tasks,
    (task) => RUN_BYTES + traceBytes(task.trace) + (task.input?.byteLength ?? 0),
    (writer, task) => {
      writeKey(writer, task).u32(task.functionId).u32(task.timeoutMs)
      const isTraced = task.trace !== undefined
      writer.u8((task.input === undefined ? bits.chunked : 0) + (isTraced ? bits.traced : 0))
      if (isTraced) writeTrace(writer, task.trace)
      writer.text(task.input ?? NO_BYTES)
    },
    emit,
  )
}

/** Like `writeRun`, for results. */
export function writeResults(results: readonly ResultEntry[], emit: Emit): void {
  emitBatches(
    kinds.results,
    results,
    (result) => RESULT_BYTES + (result.body?.byteLength ?? 0),
    (writer, result) => {
      writeKey(writer, result).u8(resultStatuses.indexOf(result.status))
      writeBody(writer, result.body)
    },
    emit,
  )
}

export function writeProgress(progress: readonly AttemptProgress[], emit: Emit): void {
  const entries = progress.map((entry) => ({ ...entry, bytes: utf8(entry.text) }))
  emitBatches(
    kinds.progress,
    entries,
    ({ bytes }) => PROGRESS_BYTES + bytes.length,
    (writer, entry) => {
      writeKey(writer, entry)
        .u32(Math.round(entry.fraction * millionths))
        .text(entry.bytes)
    },
    emit,
  )
}

function writeBody(writer: ByteWriter, body: Uint8Array | undefined): void {
  if (body === undefined) writer.u8(1).u32(0)
  else writer.u8(0).u32(body.byteLength).raw(body)
}

/** Writes the part of a body that begins at `offset`, without a copy of the body. */
export function writeChunk({ taskId, n }: AttemptKey, body: Uint8Array, offset: number, emit: Emit): void {
  const header = new ByteWriter(CHUNK_HEADER_BYTES).u8(kinds.chunk)
  writeKey(header, { taskId, n }).safeInteger(body.byteLength)
  emit([header.bytes, body.subarray(offset, offset + CHUNK_BYTES)])
}

/** `bytes` has at most OUTPUT_BYTES. */
export function writeOutput({ sequence, output, bytes, ...key }: OutputPart, emit: Emit): void {
  const header = new ByteWriter(OUTPUT_HEADER_BYTES).u8(kinds.output)
  writeKey(header, key).u32(sequence).u8(output).u32(bytes.byteLength)
  emit([header.bytes, bytes])
}

export function writeTaken({ sequence, ...key }: PartKey, emit: Emit): void {
  emit([writeKey(new ByteWriter(1 + KEY_BYTES + 4).u8(kinds.taken), key).u32(sequence).bytes])
}

export function writeAttempts(
  kind: 'cancel' | 'ack' | 'started' | 'returned' | 'held',
  attempts: readonly AttemptKey[],
  emit: Emit,
): void {
  emitBatches(kinds[kind], attempts, keySize, writeKey, emit, (last) => (last ? 1 : 0))
}

export function writeRecall(count: number, emit: Emit): void {
  emit([new ByteWriter(5).u8(kinds.recall).u32(count).bytes])
}

export function writeHello(hello: Hello, emit: Emit): void {
  const { workerId, host, resources, origin } = hello
  const origins = origin === undefined ? '' : JSON.stringify(origin)
  const texts = [workerId, host, JSON.stringify(resources), origins].map(utf8)
  const size = texts.reduce((sum, text) => sum + 4 + text.length, 13)
  const writer = new ByteWriter(size).u8(kinds.hello).u32(hello.execId).u32(hello.cores).u32(hello.pid)
  for (const text of texts) writer.text(text)
  emit([writer.bytes])
}

/** `text` fits one frame: a part of a trace is smaller. */
export function writeTraceText(kind: 'ask' | 'answer', { number, text }: TraceText, emit: Emit): void {
  const bytes = utf8(text)
  emit([new ByteWriter(9 + bytes.length).u8(kinds[kind]).u32(number).text(bytes).bytes])
}

export function writeLog(level: 'warn' | 'error', message: string, emit: Emit): void {
  const text = shortText(message)
  emit([
    new ByteWriter(6 + text.length)
      .u8(kinds.log)
      .u8(level === 'warn' ? 0 : 1)
      .text(text).bytes,
  ])
}

// Reading

/** Reads a frame from the driver. Bodies are views into `frame`. Throws FRAME_INVALID. */
export function readToExecutor(frame: Uint8Array): ToExecutor {
  // The rest of the frame comes from a later release and is ignored.
  return toExecutor(new ByteReader(frame))
}

function toExecutor(reader: ByteReader): ToExecutor {
  const kind = reader.u8()
  switch (kind) {
    case kinds.welcome:
      return { kind: 'welcome', maxInputBytes: reader.safeInteger(), maxResultBytes: reader.safeInteger() }
    case kinds.refused:
      return { kind: 'refused', reason: reader.text() }
    case kinds.functions:
      return { kind: 'functions', functions: readEntries(reader, FUNCTION_BYTES, readFunction) }
    case kinds.run:
      return { kind: 'run', tasks: readEntries(reader, RUN_BYTES, readRunEntry) }
    case kinds.chunk:
      return { kind: 'chunk', chunk: readChunk(reader) }
    case kinds.cancel:
      return { kind: 'cancel', attempts: readEntries(reader, KEY_BYTES, readKey) }
    case kinds.ack:
      return { kind: 'ack', attempts: readEntries(reader, KEY_BYTES, readKey) }
    case kinds.taken:
      return { kind: 'taken', part: { ...readKey(reader), sequence: reader.u32() } }
    case kinds.recall:
      return { kind: 'recall', count: reader.u32() }
    case kinds.exit:
      return { kind: 'exit', reason: reader.text() }
    case kinds.ask:
      return { kind: 'ask', question: readTraceText(reader) }
    default:
      throw invalid(`${kind} is not a message to an executor`)
  }
}

/** Reads a frame from an executor. Bodies are views into `frame`. Throws FRAME_INVALID. */
export function readFromExecutor(frame: Uint8Array): FromExecutor {
  return fromExecutor(new ByteReader(frame))
}

function fromExecutor(reader: ByteReader): FromExecutor {
  const kind = reader.u8()
  switch (kind) {
    case kinds.hello:
      return { kind: 'hello', hello: readHello(reader) }
    case kinds.held: {
      const last = reader.flag()
      return { kind: 'held', last, attempts: readBare(reader, KEY_BYTES, readKey) }
    }
    case kinds.started:
      return { kind: 'started', attempts: readEntries(reader, KEY_BYTES, readKey) }
    case kinds.returned:
      return { kind: 'returned', attempts: readEntries(reader, KEY_BYTES, readKey) }
    case kinds.results:
      return { kind: 'results', results: readEntries(reader, RESULT_BYTES, readResult) }
    case kinds.chunk:
      return { kind: 'chunk', chunk: readChunk(reader) }
    case kinds.log:
      return { kind: 'log', level: reader.flag() ? 'error' : 'warn', text: reader.text() }
    case kinds.progress:
      return { kind: 'progress', progress: readEntries(reader, PROGRESS_BYTES, readProgress) }
    case kinds.output:
      return { kind: 'output', part: readOutput(reader) }
    case kinds.ending:
      return { kind: 'ending', reason: reader.text(), hasWorked: reader.flag() }
    case kinds.answer:
      return { kind: 'answer', answer: readTraceText(reader) }
    default:
      throw invalid(`${kind} is not a message of an executor`)
  }
}

function readEntries<T>(reader: ByteReader, entryBytes: number, read: (reader: ByteReader) => T): T[] {
  reader.u8()
  return readBare(reader, entryBytes, read)
}

function readBare<T>(reader: ByteReader, entryBytes: number, read: (reader: ByteReader) => T): T[] {
  const count = reader.count(entryBytes)
  const entries: T[] = []
  for (let index = 0; index < count; index++) entries.push(read(reader))
  return entries
}

const readKey = (reader: ByteReader): AttemptKey => ({ taskId: reader.safeInteger(), n: reader.u32() })

const readFunction = (reader: ByteReader): FunctionEntry => ({
  functionId: reader.u32(),
  url: reader.text(),
  name: reader.text(),
})

function readRunEntry(reader: ByteReader): RunEntry {
  const taskId = reader.safeInteger()
  const n = reader.u32()
  const functionId = reader.u32()
  const timeoutMs = reader.u32()
  const said = reader.u8()
  if (said > bits.chunked + bits.traced) throw invalid(`${said} says nothing about a task`)
  const trace = (said & bits.traced) === 0 ? undefined : readTrace(reader)
  const body = reader.bytes(reader.u32())
  const input = (said & bits.chunked) === 0 ? body : undefined
  const entry = { taskId, n, functionId, timeoutMs, input }
  return trace === undefined ? entry : { ...entry, trace }
}

function readResult(reader: ByteReader): ResultEntry {
  const taskId = reader.safeInteger()
  const n = reader.u32()
  const status = resultStatuses[reader.u8()]
  if (status === undefined) throw invalid('a result has no such status')
  return { taskId, n, status, body: readBody(reader) }
}

function readProgress(reader: ByteReader): AttemptProgress {
  const { taskId, n } = readKey(reader)
  const fraction = reader.u32() / millionths
  if (fraction > 1) throw invalid('a task cannot be more than done')
  return { taskId, n, fraction, text: reader.text() }
}

function readOutput(reader: ByteReader): OutputPart {
  const key = readKey(reader)
  const sequence = reader.u32()
  const output = reader.u8()
  return { ...key, sequence, output, bytes: reader.bytes(reader.u32()) }
}

function readBody(reader: ByteReader): Uint8Array | undefined {
  const chunked = reader.flag()
  const body = reader.bytes(reader.u32())
  return chunked ? undefined : body
}

function readChunk(reader: ByteReader): Chunk {
  const taskId = reader.safeInteger()
  const n = reader.u32()
  const totalBytes = reader.safeInteger()
  return { taskId, n, totalBytes, bytes: reader.bytes(reader.remaining) }
}

function readHello(reader: ByteReader): Hello {
  const execId = reader.u32()
  const cores = reader.u32()
  const pid = reader.u32()
  const workerId = reader.text()
  const host = reader.text()
  const hello = { execId, workerId, host, cores, pid, resources: readResources(reader.text()) }
  const origin = readOrigin(reader.text())
  return origin === undefined ? hello : { ...hello, origin }
}

/** Empty: there is none. Traces are for people: a malformed one is dropped, and the hello is taken. */
function readOrigin(text: string): TraceOrigin | undefined {
  try {
    const { id, trace, parent } = JSON.parse(text) as Record<string, unknown>
    if (!isId(id) || !isId(trace)) return undefined
    return isId(parent) ? { id, trace, parent } : { id, trace }
  } catch {
    return undefined
  }
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const readTraceText = (reader: ByteReader): TraceText => ({ number: reader.u32(), text: reader.text() })

function readResources(text: string): Record<string, readonly string[]> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw invalid('the resources are not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw invalid('no resources')
  const resources: Record<string, readonly string[]> = Object.create(null) as Record<
    string,
    readonly string[]
  >
  for (const [name, addresses] of Object.entries(parsed)) {
    const wellFormed = Array.isArray(addresses) && addresses.every((address) => typeof address === 'string')
    if (!wellFormed) throw invalid('a resource is not a list of addresses')
    resources[name] = addresses as string[]
  }
  return resources
}
