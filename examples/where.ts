/**
 * The first argument of connect(). Undefined: FIRESTEEL_MASTER names a cluster, as `firesteel run` and
 * `firesteel submit` set it. Otherwise `local`, so that the program starts a cluster of its own.
 */
export const where = (): string | undefined => (process.env.FIRESTEEL_MASTER ? undefined : 'local')
