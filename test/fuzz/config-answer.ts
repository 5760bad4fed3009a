import { errorCodes } from '../../runtime/errors.js'
import { formatProblem } from '../../runtime/launch/config/problem.js'
import type { ReadResult } from '../../runtime/launch/config/read.js'
import { must } from './target.js'

/** Every answer of the config reader must be a deployment, or problems with codes and places in the file. */
export function mustBeAnAnswer(text: string, file: string, { config, problems }: ReadResult): void {
  must((config === undefined) === problems.length > 0, 'a deployment or problems, never both or neither')
  const lines = text.split('\n')
  for (const problem of problems) {
    const { code, place, message } = problem
    must(Object.hasOwn(errorCodes, code), `${code} is no code`)
    must(problem.file === file && message.length > 0, 'a problem without its file or message')
    const line = lines[place.line - 1]
    must(line !== undefined, `line ${place.line} of ${lines.length}`)
    must(place.column >= 1 && place.column <= line.length + 1, `column ${place.column} of ${line.length}`)
    must(
      formatProblem(problem).startsWith(`${file}:${place.line}:${place.column}: FIRESTEEL_`),
      'its line is odd',
    )
  }
}
