/** A promise that did not hold. */
export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`)
    this.invariant = invariant
  }
}

/** Reports a broken promise. The first one counts. */
export type Fail = (invariant: string, text: string) => void
