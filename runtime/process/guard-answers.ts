import { FiresteelError } from '../errors.js'
import type { FromGuard } from './guard-lines.js'

type Type = FromGuard['type']
type Answer<T extends Type> = Extract<FromGuard, { type: T }>

/** Questions to the guard that concern a restart. There is one at a time. */
export class Answers {
  #asked: { readonly type: Type; resolve(answer: FromGuard): void; reject(error: Error): void } | undefined

  ask<T extends Type>(type: T, write: () => void): Promise<Answer<T>> {
    return new Promise((resolve, reject) => {
      this.#asked = { type, resolve: (answer) => resolve(answer as Answer<T>), reject }
      write()
    })
  }

  answered(answer: FromGuard): void {
    const asked = this.#asked
    if (asked?.type !== answer.type) return
    this.#asked = undefined
    asked.resolve(answer)
  }

  guardEnded(): void {
    const asked = this.#asked
    this.#asked = undefined
    asked?.reject(new FiresteelError('RESTART_REFUSED', 'the guard of this Worker was killed meanwhile'))
  }
}
