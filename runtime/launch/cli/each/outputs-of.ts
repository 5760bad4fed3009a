import { innerLimits } from '../../../inner-limits.js'
import { type Console, printJson } from '../console.js'
import type { EachOptions } from './each-options.js'
import { GroupedOutputs, type PrintGrouped } from './grouped-outputs.js'
import { LineOutputs } from './line-outputs.js'
import { LinePrinter } from './line-printer.js'
import type { Outputs } from './outputs.js'
import type { Arguments } from './records.js'
import { jsonOf } from './report.js'
import { ResultOutputs } from './result-outputs.js'
import { TaggedLines } from './tagged-lines.js'

export interface OutputsParts {
  readonly io: Pick<Console, 'out' | 'err'>
  readonly tagOf: ((args: Arguments, number: number) => Uint8Array) | undefined
  readonly sources: number
}

/** Where the output of commands goes, as the options say. */
export function outputsOf(options: EachOptions, parts: OutputsParts): Outputs {
  const { results, json, lineBuffer, keepOrder = false } = options
  const { io, tagOf, sources } = parts
  // Whoever has the outputs as files need not have them twice; GNU parallel does the same.
  if (results !== undefined) return new ResultOutputs(results, sources)
  if (!lineBuffer) return new GroupedOutputs(keepOrder, json ? jsonPrinter(parts) : plainPrinter(parts))
  return new LineOutputs({ printers: [new LinePrinter(io.out), new LinePrinter(io.err)], keepOrder, tagOf })
}

const plainPrinter =
  ({ io, tagOf }: OutputsParts): PrintGrouped =>
  async (end, piecesOf) => {
    for (const [output, print] of [io.out, io.err].entries()) {
      const tagged = new TaggedLines(tagOf?.(end.args, end.number))
      for await (const piece of piecesOf(output)) await print(tagged.next(piece))
    }
  }

const jsonPrinter =
  ({ io }: OutputsParts): PrintGrouped =>
  async (end, piecesOf) => {
    const stdout = await wholeOf(piecesOf(0))
    const stderr = await wholeOf(piecesOf(1))
    await printJson(io, jsonOf({ ...end, stdout, stderr }))
  }

/** No more than one line of JSON can have. */
async function wholeOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const kept: Uint8Array[] = []
  let left: number = innerLimits.eachJsonBytes
  for await (const piece of pieces) {
    if (left > 0) kept.push(piece.subarray(0, left))
    left -= piece.length
  }
  return Buffer.concat(kept)
}
