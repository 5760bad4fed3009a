/** What actors send each other: plain data with a `type`. */
export interface Message {
  readonly type: string
}

declare const accepts: unique symbol

/**
 * The address of an actor that understands M. A local reference means one incarnation of an actor. After its
 * end all that is sent to it is a dead letter, even if a new actor has its name. A remote reference is a name
 * on a link.
 */
export interface Ref<in M extends Message> {
  /** firesteel://CLUSTER@host:port/user/NAME */
  readonly path: string
  /**
   * Never present at run time. It keeps Refs of different message types apart, and makes forged ones
   * impossible.
   */
  readonly [accepts]: (message: M) => void
}

/** Any actor, for use if only its identity matters. */
export type AnyRef = Ref<never>
