import { FiresteelError } from '../errors.js'
import type { Destination } from './local-envelope.js'
import type { AnyRef, Message, Ref } from './ref.js'

/**
 * What a Ref is at run time. It holds the destination itself. No name is looked up, so no name can be taken
 * over.
 */
class Handle {
  readonly destination: Destination

  constructor(destination: Destination) {
    this.destination = destination
  }

  get path(): string {
    return this.destination.path
  }

  /** In logs and JSON a reference is its path. */
  toJSON(): string {
    return this.path
  }

  toString(): string {
    return this.path
  }
}

/** The caller vouches for M. References get their type here. */
export function refTo<M extends Message>(destination: Destination): Ref<M> {
  return new Handle(destination) as unknown as Ref<M>
}

export function destinationOf(ref: AnyRef): Destination {
  const handle = ref as unknown as Handle
  if (handle instanceof Handle) return handle.destination
  throw new FiresteelError('INTERNAL', 'not a reference of this actor system')
}
