/** What actors send each other: plain data, named by `type`. */
export interface Message {
  readonly type: string
}

declare const accepts: unique symbol

/**
 * The address of an actor that understands M. A local reference is one incarnation of an actor: after its end
 * everything sent to it is a dead letter, also when its name is taken again. A remote one is a name on a link.
 */
export interface Ref<in M extends Message> {
  /** firesteel://CLUSTER@host:port/user/NAME */
  readonly path: string
  /** Never there at run time: makes a Ref of one protocol no Ref of another, and forged ones impossible. */
  readonly [accepts]: (message: M) => void
}

/** Any actor, where only its identity matters. */
export type AnyRef = Ref<never>
