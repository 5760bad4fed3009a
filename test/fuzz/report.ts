import type { PartResult } from './run-part.js'

const columns = ['part', 'inputs', 'seconds', 'inputs/s', 'slowest ms', 'heap KiB', 'found'] as const

/** As it travels from the process of a part. */
export const resultText = (result: PartResult): string =>
  JSON.stringify({ ...result, outcomes: [...result.outcomes] })

/** Undefined: the process said something else, or nothing. */
export function readResult(text: string): PartResult | undefined {
  try {
    const result = JSON.parse(text) as Omit<PartResult, 'outcomes'> & { outcomes: [string, number][] }
    return { ...result, outcomes: new Map(result.outcomes) }
  } catch {
    return undefined
  }
}

/** The table at the end, followed by what became of the inputs. */
export function tables(results: readonly PartResult[]): string {
  const rows = results.map(({ name, inputs, seconds, slowestMs, heapBytes, found }) => [
    name,
    String(inputs),
    seconds.toFixed(1),
    String(Math.round(inputs / Math.max(seconds, 1e-9))),
    slowestMs.toFixed(1),
    String(Math.round(heapBytes / 1024)),
    String(found.length),
  ])
  const widths = columns.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
  return `${[line(columns), ...rows.map(line)].join('\n')}\n\n${results.map(outcomeLine).join('\n')}\n`
}

function outcomeLine({ name, outcomes }: PartResult): string {
  const sorted = [...outcomes].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
  return `${name}: ${sorted.map(([outcome, count]) => `${outcome} ${count}`).join(', ')}`
}
