import { TurnQueue } from '../turn-queue.js'

/**
 * The turns in which this process reads manifests and answers what peers ask of its code. All links share
 * them, so that many peers make the work last longer, and no turn of it.
 */
export const codeTurns = new TurnQueue()
