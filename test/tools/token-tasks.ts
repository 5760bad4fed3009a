/** A task for an application that has a token. */
export const square = (number: number): number => number * number
