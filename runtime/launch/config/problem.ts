import { type ErrorName, FiresteelError } from '../../errors.js'

/** Line and column in a deployment file, both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** A key path: names and list indices. */
export type KeyPath = readonly (string | number)[]

/** One thing that is wrong with a deployment file. */
export interface ConfigProblem {
  readonly code: ErrorName
  readonly file: string
  readonly place: Place
  /** `workers[0].cores`; empty for the file as a whole. */
  readonly key: string
  /** The broken rule, as a sentence about the key. */
  readonly message: string
  /** The nearest valid spelling, if one is near. */
  readonly nearest: string | undefined
}

/** `workers[0].cores`. */
export function formatPath(path: KeyPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += text === '' ? part : `.${part}`
  }
  return text
}

/** `demo.yaml:3:5`. */
export function formatPlace(problem: ConfigProblem): string {
  return `${problem.file}:${problem.place.line}:${problem.place.column}`
}

/** `demo.yaml:3:5: FIRESTEEL_CONFIG_UNKNOWN_KEY: workers[0].core is not a key; did you mean cores?` */
export function formatProblem(problem: ConfigProblem): string {
  const hint = problem.nearest === undefined ? '' : `; did you mean ${problem.nearest}?`
  const end = hint === '' ? '.' : ''
  return `${formatPlace(problem)}: FIRESTEEL_${problem.code}: ${problem.message}${hint}${end}`
}

/** All problems of a file as one error, with code and place of the first. */
export class ConfigRefused extends FiresteelError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const first = problems[0]!
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
    const hint = first.nearest === undefined ? '' : `; did you mean ${first.nearest}?`
    super(first.code, `${first.message}${hint}${more}`, { place: formatPlace(first) })
    this.problems = problems
  }
}

export const problemLines = (problems: readonly ConfigProblem[]): string[] => problems.map(formatProblem)
