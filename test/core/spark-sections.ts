/*
 * What Spark does where one rule would be too little: the sections that our code cites and that no table of
 * rules covers.
 */

export interface SparkSection {
  readonly title: string
  readonly spark: readonly string[]
  readonly firesteel: readonly string[]
}

export const sparkSections: Readonly<Record<string, SparkSection>> = {
  '1.5': {
    title: 'Messages about executors',
    spark: [
      'LaunchExecutor names the URL of the Master; a Worker drops it if that is not the URL of its active Master.',
      'ExecutorAdded goes to the application in the same step, before the process exists.',
      'RequestExecutors sets the total per profile; a lower total kills nothing. KillExecutors kills those that are known.',
      'ApplicationFinished goes to all Workers.',
    ],
    firesteel: [
      'The messages are the same. (epoch, owner) fences a command instead of a URL (R1, R2).',
      'LaunchExecutor and ExecutorAdded leave behind the same fence check.',
      'There is one total for an application. It is numbered, so a late request is ignored.',
    ],
  },
  '2.1': {
    title: 'States of the Master',
    spark: [
      'Every Master starts as STANDBY. An elected one is ALIVE at once over an empty store, else RECOVERING.',
      'Registrations are accepted while RECOVERING. Drivers are submitted and killed, and work is placed, only when ALIVE.',
      'A Master that loses its leadership exits; a supervisor must start it again.',
    ],
    firesteel: [
      'The states and their conditions are the same.',
      'A Master that loses its leadership stays: a new incarnation starts as STANDBY in the same process, and the record cache stays.',
    ],
  },
  '2.2': {
    title: 'States of a Worker, and its death',
    spark: [
      'A Worker is DEAD after W without a heartbeat, when its connection drops, or when another one registers at its address.',
      'Its executors are LOST, its supervised drivers are relaunched, other drivers end in ERROR. Every application hears WorkerRemoved.',
      'Its record is deleted. It is shown for 16 W.',
    ],
    firesteel: [
      'The consequences are the same. A dropped connection alone is no death (R7).',
      'A supervised driver is relaunched under the same id, as its next generation.',
    ],
  },
  '4.1': {
    title: 'When work is placed',
    spark: [
      'After everything that may make room or ask for some, and only when the Master is ALIVE.',
      'Drivers come first, with strict precedence over executors.',
    ],
    firesteel: [
      'The order is the same. Drivers are placed oldest first, then applications in the order of their registration.',
      'One pass places at most 200 launches, so that it stays one commit. The next pass goes on.',
    ],
  },
  '4.2': {
    title: 'Placement of drivers',
    spark: [
      'The ALIVE Workers are shuffled in each pass. A cursor moves from one driver to the next; each driver visits each Worker once.',
      'A Worker fits if its free memory, cores and custom resources suffice. A driver that fits nowhere holds up no other.',
    ],
    firesteel: [
      'Labels that are asked for (`on`, which Spark does not have) count as well.',
      'The search is the same without the shuffle: the cursor goes on where the last pass ended.',
      'Drivers that ask for the same wait in one queue. If the first one finds no Worker, the others are not tried until capacity changes.',
    ],
  },
  '4.4': {
    title: 'Placement of executors',
    spark: [
      'Workers are sorted by free cores, most first. Cores are given in steps of one executor, or of one core if none is set.',
      'Spread out: each Worker gets one step in turn. Consolidated: the first Worker is filled, then the next.',
      'Without cores per executor, one new executor per Worker and pass takes all cores that are given there.',
      'A step that opens an executor needs its memory and its custom resources, and the target must not be reached.',
    ],
    firesteel: [
      'The same. A tie is broken by id, descending, as in Spark 4.0. Whole steps keep an executor from being split (SPARK-8881).',
    ],
  },
  '4.9': {
    title: 'The end of an application',
    spark: [
      'It ends when it unregisters, its connection drops, somebody kills it, its executors keep failing, or it does not answer a new leader.',
      'Its executors are killed and its record is deleted. All Workers hear ApplicationFinished.',
      'The application hears ApplicationRemoved, unless it is FINISHED.',
    ],
    firesteel: [
      'The consequences are the same, in one commit. It hears ApplicationRemoved always.',
      'A dropped connection gives it applicationGrace (10 s). KillExecutor frees nothing; the report of its end does (S4).',
    ],
  },
  '5.5': {
    title: 'Life of an executor on its Worker',
    spark: [
      'A folder of its own, RUNNING as soon as the process exists, EXITED with its exit code.',
      'A kill is polite for 10 s, then forced. An executor that is stopped with its Worker is FAILED.',
      'An executor ends itself when its connection to the Worker breaks.',
    ],
    firesteel: [
      'The same folder and the same states. An executor that is stopped with its Worker is KILLED: the application has not failed.',
      'The guard of the Worker ends its executors, so it works when their own loop is blocked.',
    ],
  },
}
