/**
 * - held: an older generation of the driver still has a process on this Worker
 * - starting: its process is being made
 * - running
 * - resting: supervised and between two attempts; it keeps its capacity
 */
export type DriverPhase = 'held' | 'starting' | 'running' | 'resting'
