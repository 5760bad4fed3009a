import type { Context } from 'hono'
import type { Connection } from './connection.js'

interface Bindings {
  readonly incoming?: { readonly socket?: Partial<Connection> }
}

/** The answer to this request may take so long in all, as long as it makes progress. */
export function mayTakeLong(context: Context, answerMs: number): void {
  ;(context.env as Bindings | undefined)?.incoming?.socket?.allow?.(answerMs)
}
