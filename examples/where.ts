/**
 * First argument of connect(): a cluster of its own (`local`) for a program that was just started; what FIRESTEEL_MASTER
 * names where it is set, as `firesteel run` and `firesteel submit` do.
 */
export const where = (): string | undefined => (process.env.FIRESTEEL_MASTER ? undefined : 'local')
