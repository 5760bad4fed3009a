import type { Books } from '../../actors/master/books.js'

/* What a leader had heard of the ends of drivers when it decided on a launch. */

/** How often Workers had told an end, in the whole history, when one of them made this report. */
const endsBefore = new WeakMap<object, number>()
/** The same, by the Workers whose report a leadership has handled. */
export type Heard = ReadonlyMap<string, number>
const heardBy = new WeakMap<Books, Map<string, number>>()
const heardAtLaunch = new WeakMap<object, Heard>()

/** A Worker makes a full report. */
export function reporting(report: object, ends: number): void {
  endsBefore.set(report, ends)
}

/** A leader handles this message. */
export function reported(books: Books, from: string, message: object): void {
  const ends = endsBefore.get(message)
  if (ends === undefined) return
  const heard = heardBy.get(books) ?? new Map<string, number>()
  heardBy.set(books, heard.set(from, ends))
}

/** A leader decides on this launch. */
export function launching(books: Books, launch: object): void {
  const heard = heardBy.get(books)
  if (heard) heardAtLaunch.set(launch, new Map(heard))
}

export const heardBefore = (launch: object): Heard | undefined => heardAtLaunch.get(launch)
