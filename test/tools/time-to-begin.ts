/**
 * A task with this timeout has loaded its module, and runs, and so does what it starts, before its time is
 * over: on a busy machine, too.
 */
export const timeToBeginMs = 2000
