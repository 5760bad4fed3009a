import type { ByteText } from './arguments.js'

/* From the values of sources to the arguments of commands. Pure. */

/** The arguments of one command. */
export type Arguments = readonly ByteText[]

type Values = AsyncIterable<ByteText> | Iterable<ByteText>

export interface OpenSource {
  readonly values: Values
  readonly linked: boolean
}

export interface RecordOptions {
  /** Splits each value into columns. */
  readonly columns?: RegExp | undefined
  /** Values, or rows of columns, that one command gets. */
  readonly together?: number | undefined
}

async function readAll(values: Values): Promise<ByteText[]> {
  const all: ByteText[] = []
  for await (const value of values) all.push(value)
  return all
}

/** Linked sources side by side. The shortest one ends them. */
async function* rows(first: Values, linked: readonly Values[]): AsyncGenerator<ByteText[]> {
  const others = await Promise.all(linked.map(readAll))
  const count = Math.min(...others.map(({ length }) => length))
  let index = 0
  for await (const value of first) {
    if (index >= count) return
    yield [value, ...others.map((other) => other[index]!)]
    index++
  }
}

/** Every combination. The last source changes fastest. Only the first one is read as it is needed. */
async function* combinations(sources: readonly OpenSource[]): AsyncGenerator<ByteText[]> {
  const groups: { first: Values; linked: Values[] }[] = []
  for (const { values, linked } of sources) {
    const group = groups.at(-1)
    if (linked && group !== undefined) group.linked.push(values)
    else groups.push({ first: values, linked: [] })
  }
  const [head, ...rest] = groups
  if (head === undefined) return
  const others: ByteText[][][] = []
  for (const { first, linked } of rest) {
    const all: ByteText[][] = []
    for await (const row of rows(first, linked)) all.push(row)
    others.push(all)
  }
  const tails = others.reduce<ByteText[][]>(
    (before, all) => before.flatMap((tail) => all.map((row) => [...tail, ...row])),
    [[]],
  )
  for await (const row of rows(head.first, head.linked)) {
    for (const tail of tails) yield [...row, ...tail]
  }
}

/** The arguments of each command, in order. */
export async function* recordsOf(
  sources: readonly OpenSource[],
  { columns, together = 1 }: RecordOptions,
): AsyncGenerator<Arguments> {
  let record: ByteText[] = []
  let count = 0
  for await (const row of combinations(sources)) {
    record.push(...(columns === undefined ? row : row.flatMap((value) => value.split(columns))))
    if (++count < together) continue
    yield record
    record = []
    count = 0
  }
  if (count > 0) yield record
}
