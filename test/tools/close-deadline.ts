import { limits } from '../../runtime/limits.js'

/**
 * An executor that is told to end has ended within this, whatever its tasks are in. It takes `executorExitMs`
 * of one second; the rest is for a busy machine. One that ends only because its Worker kills it, after
 * `killGraceMs`, is too late.
 */
export const closeDeadlineMs = limits.killGraceMs - limits.executorExitMs
