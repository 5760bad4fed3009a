import { AsyncResource } from 'node:async_hooks'
import { dispatch, type Ref as NactRef, spawn, start, stop } from './nact.js'

/** The one message that nact carries for us. It means: "your mailbox has something". */
const turnToken = { type: 'turn' }

/** One nact actor. It gives its owner a turn of the event loop for each wake, one after the other. */
export interface ActorSlot {
  wake(): void
  leave(): void
}

let systems = 0

/**
 * The wrapper around nact. Every slot is a child of the root, and the root gets no messages: nact copies an
 * actor's children at each of its messages, and does not stop them with it. Names are numbered, because nact
 * binds references by name. Turns run in the async context of this constructor; otherwise they would run in
 * that of the first sender.
 */
export class NactHost {
  readonly #root: NactRef<never>
  readonly #scope = new AsyncResource('firesteel.actors')
  readonly #onDefect: (error: unknown) => void
  #slots = 0

  /** `onDefect` is called with what a turn threw. A turn should never throw. */
  constructor(onDefect: (error: unknown) => void) {
    // nact takes its name in an object, although its types do not say so.
    this.#root = start({ name: `firesteel-${++systems}` } as unknown as string)
    this.#onDefect = onDefect
  }

  slot(turn: () => void | Promise<void>): ActorSlot {
    const actor = spawn(
      this.#root,
      (_state: undefined, _token: typeof turnToken): undefined | Promise<undefined> => turn() as undefined,
      `actor-${++this.#slots}`,
      {
        onCrash: (_message, error, context) => {
          this.#onDefect(error)
          return context.resume
        },
      },
    )
    return {
      wake: () => this.#scope.runInAsyncScope(dispatch, undefined, actor, turnToken),
      leave: () => stop(actor),
    }
  }

  close(): void {
    stop(this.#root)
  }
}
