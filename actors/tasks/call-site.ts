import { builtFile } from '../../runtime/built-file.js'

/** Our own code, and the turns of Node's event loop. Such frames say nothing to the program. */
const NOTHING_SAID = [builtFile('actors/').href, builtFile('programs/').href, 'node:internal/']

/**
 * Where the program made a call. Errors of its tasks are made much later, in the turn in which a result
 * arrives, so their own stack would not lead to the program.
 */
export class CallSite {
  readonly #holder: { stack?: string } = {}
  #frames: string | undefined

  /** Frames above `below`, and its own, are left out. Nothing is written out before somebody reads it. */
  // biome-ignore lint/complexity/noBannedTypes: what Error.captureStackTrace takes
  constructor(below: Function) {
    Error.captureStackTrace(this.#holder, below)
  }

  /** The lines of its stack, each after a line break. */
  get frames(): string {
    this.#frames ??= (this.#holder.stack ?? '')
      .split('\n')
      .slice(1)
      .filter((line) => !NOTHING_SAID.some((place) => line.includes(place)))
      .map((line) => `\n${line}`)
      .join('')
    return this.#frames
  }
}

/** Whose failure an error is. */
export interface TaskPlace {
  readonly site: CallSite
  /** Index of its input in map or each. */
  readonly index?: number | undefined
}

/**
 * Says in an error where its call was made, and which input it was. `arrived`: its stack is of an executor.
 */
export function placed<E extends Error>(error: E, { site, index }: TaskPlace, arrived: boolean): E {
  const before = arrived ? (error.stack ?? '') : `${error.name}: ${error.message}`
  Object.defineProperty(error, 'stack', { value: before + site.frames, configurable: true, writable: true })
  if (index !== undefined)
    Object.defineProperty(error, 'index', {
      value: index,
      configurable: true,
      writable: true,
      enumerable: true,
    })
  return error
}
