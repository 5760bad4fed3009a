/**
 * The bounds and paces of the work inside one process: no deployment file and no protocol names them. What
 * others may use, send or wait for stands in limits.ts. Each has a name with its unit, its value and the
 * reason.
 */
const SECOND = 1000
const KIB = 1024
const MIB = 1024 * KIB

export const innerLimits = {
  // Addresses and names
  /**
   * Masters that one address or one message names, and that a client or a Master remembers: far more than an
   * election needs.
   */
  masters: 64,
  /** Characters of an address, looked at before any expression reads it. */
  addressChars: 256,
  /**
   * Characters of what keeps a Master from being elected, and of the remedy. Errors of a store are sentences.
   */
  standbyProblemChars: 2048,
  /** A command that has no Master after this says why it waits, in milliseconds. A failover takes less. */
  commandSilenceMs: 2000,
  /** More certificates in a chain than any CA uses. */
  certificateChain: 8,
  /**
   * TLS handshakes that begin in one turn of the event loop. Each takes about a millisecond of it, and what
   * begins many at once would hold up timers and the lease.
   */
  tlsStartsPerTurn: 4,
  /** A certificate begins to count before it is made, because clocks differ. */
  certificateBackdateMs: 300 * SECOND,
  /** Days that `firesteel cert` lets a CA count, unless it is told otherwise. */
  authorityDays: 3650,
  /** The same of a certificate: people remember a date that comes every year. */
  certificateDays: 365,
  /** Every library reads a year of four digits. */
  certificateDaysMost: 36_500,
  /** So long a command waits for another one that writes in the folder of a CA, which takes a moment. */
  folderTurnMs: 20 * SECOND,
  /** Between two looks at it, on average: each takes another time, so that two do not meet for ever. */
  folderTurnPollMs: 25,
  /** A day, in which certificates are counted. */
  dayMs: 86_400 * SECOND,
  /** Characters of an address in a handshake: the longest host name, a colon and a port, in brackets. */
  handshakeAddressChars: 262,
  /** Characters of any other text in a handshake: ids and versions have fewer than fifty. */
  handshakeTextChars: 128,
  /**
   * Workers with a token whose keys one message brings to a Worker that fetches code. What it fetches from
   * any others it gets later, when fewer codes are scarce.
   */
  credentialSources: 500,
  /** Characters of the sealed keys in one message: those of so many Workers have some 50,000. */
  credentialsChars: 64 * KIB,
  /** Characters of a path in an envelope, and of one that a trace shows. */
  pathChars: 2048,
  /**
   * Characters of the name that an asker gives its question, which is kept until the answer. Ours are
   * numbers.
   */
  questionIdChars: 64,
  /** Characters of a text that another system says to `/system`, or in the Failure that it answers. */
  systemTextChars: 16 * KIB,
  /** Characters of the type of a message in a trace. Ours have fewer than fifty. */
  traceTypeChars: 256,
  /** Lines of the audit that wait for the disk. */
  auditLines: 10_000,
  /** Lines of the audit in one write. */
  auditLinesAtOnce: 256,
  /**
   * Who reads one output on pages again within this time is a number in the audit: an open page asks for it
   * several times in a minute.
   */
  auditReadMs: 600 * SECOND,
  /** A look back for the end of its last whole line reads so many bytes at once. */
  auditTailBytes: 64 * KIB,
  /** A client may read an output for so long after a leader has said so, in milliseconds. */
  logGrantMs: 60_000,
  /** Whoever has made a token may ask for its text for so long, in milliseconds: an answer may be lost. */
  tokenSecretMs: 120_000,
  /**
   * A secret has at least so many bytes. Ours are random. Whoever hears a handshake can try secrets as fast
   * as a machine goes, so one that a person thought of must be long.
   */
  secretBytesMin: 32,

  /** Characters of a word that is compared with the known ones, to say which was meant. */
  nearestChars: 64,

  // Pages
  /** Rows of each list on the overview, which has a page of its own for all of them. */
  overviewRows: 8,
  /** Rows of a list that a search looks at between two looks at the time: half a millisecond. */
  listLooks: 250,
  /**
   * What is in use is remembered this often, and so many times: half an hour, with points that a picture can
   * show apart.
   */
  usageEveryMs: 10 * SECOND,
  usageSamples: 180,
  /** Rows of the table beside such a picture. */
  usageRows: 12,
  /** Leaderships that a Master remembers, the newest: weeks of a healthy cluster, an hour of a sick one. */
  leaderships: 50,
  /** Workers or groups of them in the picture of a cluster, and what runs on them, of each kind: a screen. */
  topologyPlaces: 24,
  topologyWorks: 12,
  /** More Masters than an election needs. */
  topologyMasters: 8,
  /** Labels by which its Workers can be grouped, and applications that its table names for each of them. */
  topologyLabels: 6,
  topologyNamed: 3,
  /** Messages of a trace, driver or failover on its page, the first. A picture has room for fewer. */
  pageTraceMessages: 500,
  /** Characters of an actor, and of the type of a message, on the page of messages. They are peers' texts. */
  messageRowChars: 100,
  /** Bars of the picture of executors over time, the newest. More would be a page of bars, and no picture. */
  timelineBars: 100,
  /**
   * Moments that the picture of an application's tasks has. When they are so many, each two become one: the
   * picture goes back to the beginning, and is finer for what was just now.
   */
  taskMoments: 120,
  /** Rows of the table beside it. */
  taskMomentRows: 12,
  /** Tokens of the role submit whose pages a Master keeps; those of others are made anew. */
  ownPageSets: 32,
  /** Answers of the leader that a Worker keeps: which token may read which output on its pages. */
  outputOwners: 1000,
  /** Rows of what has ended on the page of a Worker. Its Master keeps more. */
  workerPageEnded: 50,
  /** Lines of a log on one page, and their bytes: several screens, and some milliseconds of making them. */
  logWindowLines: 500,
  logWindowBytes: 64 * KIB,
  /** Bytes of a log that are read in one turn: a millisecond of searching. */
  logPieceBytes: 128 * KIB,
  /** Lines that a search looks at in one turn: a millisecond or two. Each byte may be a line. */
  logTurnLines: 2000,
  /**
   * Bytes and lines that one search looks through; then it asks whether to go on. A line costs more than its
   * bytes, so that an output of line breaks alone would take many seconds.
   */
  logSearchBytes: 16 * MIB,
  logSearchLines: 500_000,
  /** Lines that one search finds; then it asks whether to go on. */
  logFoundLines: 100,
  /** Chunks of logs that all streams of a Worker read and send in one turn: a millisecond or two. */
  logTurnChunks: 4,
  /**
   * Log streams whose last lines are sought at a time, of each link one. Each reads one outputTailChunkBytes
   * in a turn. The others wait, and the hosts and their links take turns.
   */
  logTailSearches: 2,
  /** Searches of logs at a time. Others are told to wait. */
  logSearches: 2,
  /** Lines of a list of attempts that are read, the newest: more than ours fit into attemptListBytes. */
  attemptListLines: 5000,
  /** Attempts of a driver that the page of its log lists, the newest. */
  logAttempts: 50,

  // Output of executors in their program
  /** Characters of a line that a program shows of its executors, and lines in a second. Nobody reads more. */
  outputLineChars: 2000,
  outputLinesPerSecond: 1000,
  /** How often it is said that lines were left out. */
  outputLeftMs: 5 * SECOND,
  /** Executors whose output a program shows at a time, those that came first. */
  outputExecutors: 64,
  /** An output that cannot be read is asked for again after this, and so often in a row. */
  outputAgainMs: 500,
  outputTries: 20,
  /** A program that ends waits so long for the last lines of its executors. */
  outputCloseMs: 2 * SECOND,

  // Recordings of Masters
  /** So many segments are kept at least, if the state of the Master is small: the oldest goes as a whole. */
  recordingSegments: 8,
  /** Bytes of a recording that the disk has not taken. Above this it is too slow, and the segment stops. */
  recordingWaitingBytes: 16 * MIB,
  /** A state is written down for so long in one turn of the event loop, in milliseconds. */
  recordingTurnMs: 2,
  /** Characters of the rows that one line of a state holds. */
  recordingRowsChars: 64 * KIB,
  /** Characters of a line of the log that a recording shows; all of it is compared. */
  recordingLogChars: 80,
  /** After a segment stopped the next one begins so late: a full disk seldom has room again at once. */
  recordingRetryMs: 10 * SECOND,
  /** A Master that ends waits so long for the disk. The rest of its recording is then lost. */
  recordingCloseMs: 5 * SECOND,
  /** Bytes of a line of a recording that is read: far more than any message and any piece of a store has. */
  recordingLineBytes: 256 * MIB,

  /** Ids that a command names where one text may mean several things: a line or two. */
  namedIds: 5,

  // Messages
  /** Entries of a list in a message: a peer that belongs to the cluster may still be confused. */
  listItems: 100_000,
  /** Characters of the reason for which a message is refused: keys and paths in it are the peer's. */
  refusalChars: 500,
  /** Executors that one message asks to kill. */
  killsPerMessage: 10_000,
  /** Changes of a Worker that one message acknowledges. Ours acknowledge one. */
  changesPerMessage: 10_000,
  /** Characters of a class name and of a cause that the refusal of a value shows: both are the program's. */
  shownClassNameChars: 100,
  shownCauseChars: 200,
  /** Workers that one sentence names. More is hard to read. */
  namedWorkers: 4,
  /** Workers that `explain` shows one by one, the nearest to a launch first. All others are counted. */
  explainedWorkers: 8,
  /** Kinds of resources or labels that `explain` names for each Worker. */
  explainedShortages: 16,
  /** What `explain` names of all that has a part of a Worker: the largest parts. */
  namedHolders: 3,
  /** Ends of executors that are kept of an application, the newest: one cause mostly ends all of them. */
  keptExecutorEnds: 8,
  /**
   * Characters of a text that the own, quick encoder of task values writes. Longer ones are quick enough in
   * V8's.
   */
  plainStringChars: 1024,
  /** Values of a list that it writes, for the same reason. */
  plainListItems: 16,
  /** Task entries that are decoded in one piece of work: about a millisecond. */
  taskJobBytes: 1 * MIB,
  /** Larger bodies of tasks go in chunks, so that a frame stays small whatever a task sends. */
  taskInlineBytes: 16 * KIB,
  /** Texts for people about a task. They are cut rather than refused. */
  taskTextBytes: 8 * KIB,
  /**
   * Arrays up to this length are searched for named fields too, as the match of a regular expression has
   * them.
   */
  namedArrayItems: 64,
  /** Up to this length the keys of a typed array are taken, because that is quicker than to have it shown. */
  viewKeysLooked: 24,
  /** Characters of the path to a part of a value in an error. One that is nested too deep has a long path. */
  shownPathChars: 200,
  /** Envelopes are parsed together up to this size: one by one is slower, all at once keeps the loop busy. */
  parseGroupBytes: 16 * KIB,
  /** A rest of a buffer that is smaller is given up, so that it does not cut batches short. */
  batchRestBytes: 8 * KIB,
  /** A body that comes in pieces starts with this much memory, not with what its header claims. */
  frameRoomFirstBytes: 64 * KIB,
  /**
   * Frames up to this size are copied, so that many small ones are one buffer of a write. A choice, not a
   * measured optimum.
   */
  payloadCopyBytes: 4 * KIB,
  /** The buffer into which they are copied: one payload chunk. */
  payloadSlabBytes: 64 * KIB,
  /**
   * Addresses whose pace of handshakes is kept; with more than that the quiet ones are looked for and
   * forgotten.
   */
  pacedAddresses: 1024,
  /** A pace that was not used for so long is full again, so it need not be kept. */
  paceQuietMs: 1 * SECOND,

  // Actors and traces
  /**
   * In batches up to this size each message is timed. In larger ones the reading would cost more than it
   * tells.
   */
  timedBatchMessages: 16,
  /** Slots of a mailbox at its start, a power of two. */
  mailboxSlotsFirst: 16,
  /** Slots that a mailbox keeps over a quiet time. The memory of a burst is given back. */
  mailboxSlotsKept: 4096,
  /** Open questions from which on those are looked for that their asker has given up. */
  questionsPurgedFrom: 1024,
  /** How often that is done because a question finds no place. It is a look at all that are open. */
  questionsPurgedEveryMs: 1 * SECOND,
  /** Nesting of a payload that a trace shows. */
  tracePayloadDepth: 8,
  /** Items of a list, and keys of an object, that it shows. */
  tracePayloadItems: 50,
  /** Characters of a text that it shows. */
  tracePayloadChars: 200,
  /**
   * What a message counts in a ring that has not travelled: it has no size, and what it holds is mostly held
   * elsewhere too.
   */
  traceLocalBytes: 512,
  /** What a record of a ring has beside its paths, its type and its payload, about. */
  traceRecordBytes: 64,
  /** Messages of a ring that a search looks at between two looks at the time: some 0.3 ms at worst. */
  traceLooks: 32,
  /** Values that such a record has, about. */
  traceRecordItems: 16,
  /** What an executor remembers of the conversation with its driver: its links, and its last batches. */
  executorTraceRing: 1000,
  /** Frames of tasks or results that are one entry of it, and how long they may take together. */
  tracedBatchFrames: 1024,
  tracedBatchMs: 1 * SECOND,
  /** Executors that are asked for their traces, unless one application is asked for. */
  tracedExecutors: 64,
  /** Columns of a line of `trace --tree`, which is cut there. */
  traceTreeColumns: 80,
  /** From this depth on a tree writes the depth as a number and does not indent further. */
  traceTreeDepth: 10,
  /** Messages and actors in a sequence diagram. More of them are counted below it. */
  sequenceMessages: 200,
  sequenceActors: 16,
  /** A recorded trace that `trace show` reads. It holds the whole of it in memory. */
  traceFileBytes: 256 * MIB,
  /** How often `trace -f` asks the leader which processes there are. */
  traceMembersMs: 5 * SECOND,
  /** How often it looks whether all links are open, at its start. */
  traceLookMs: 20,

  // Master
  /** Ended executors of which a Master still knows their Worker. */
  rememberedHomes: 10_000,
  /**
   * Executors that applications were told are LOST, of all applications together. One that comes back after
   * it was forgotten is ended by its application, which remembers its own.
   */
  rememberedLost: 100_000,
  /** Looks at a Worker in one pass, so that a turn stays short whatever is asked for: some 2 ms. */
  looksPerPass: 100_000,
  /** What a pass counts for each demand of drivers: without room, it costs a text that says why. */
  demandLooks: 256,
  /** What a pass counts for each application that it comes to: what that may still get is computed. */
  applicationLooks: 16,
  /** What a pass counts for each comparison of two demands, because there may be many for each Worker. */
  comparisonLooks: 4,
  /** What sorting the Workers that would do, and placing on them, counts beside one look at each. */
  placeLooks: 8,
  /** Demands of one pass that found no room, by which larger ones are known to find none. */
  demandsKept: 32,
  /** Launches of one pass, so that a step stays one commit (protocol 4.1). More go with the next pass. */
  launchesPerPass: 200,
  /** Drivers whose ends were held, and count in one pass, for the same reason. */
  endsPerPass: 200,
  /** Old records that one step forgets, so that it stays small. */
  droppedPerStep: 16,
  /** A timer that comes while records are still read is set again by so much. */
  untilRestoredMs: 50,
  /** A timer or a turn that finds the commit queue full comes again after this. */
  commitQueueFullRetryMs: 50,
  /**
   * Heartbeats change a row of a Worker, and are no change of the cluster state: their age is seen so much
   * later.
   */
  heartbeatsShownMs: 1 * SECOND,
  /** Heartbeats that a Worker misses before it is shown as suspect (protocol 19). */
  suspectHeartbeats: 3,
  /** Numbers of executors in one order over all applications: more than one application can use up. */
  executorIds: 100_000_000,
  /**
   * How often a STANDBY goes through its warm-up: V8 compiles well what ran some hundred times, and a pass
   * reads several records.
   */
  warmUpPasses: 40,
  /** Workers set up with one address that are told apart from a restart of one. */
  rememberedReplaced: 16,
  /** Timeouts for which a DEAD Worker is still shown, as Spark keeps it. */
  deadShownTimeouts: 16,
  /** DEAD Workers that are still shown, those that died last. */
  deadWorkers: 1000,
  /** Bytes of labels and resources that are still shown of each, as JSON; larger ones are left out. */
  deadWorkerBytes: 4 * KIB,
  /**
   * Drivers that leave drained Workers at a time, in the whole cluster. Each has room kept free elsewhere
   * until it is there.
   */
  drainMoves: 16,
  /** Of the output of a driver, read at a time in the search for the line that says that it is ready. */
  probeLineBytes: 64 * KIB,
  /** Workers that a refused request names: enough to see what was meant. */
  meantWorkers: 5,
  /**
   * A Worker that is drained before its stop lets its leader end the rest at the deadline, and goes on alone
   * after so long, in milliseconds.
   */
  drainLastWordsMs: 2000,
  /** How often a Worker whose link has ended is looked for before its silence counts. */
  workerProbes: 3,
  /** The time between two of these looks. */
  workerProbeEveryMs: 300,

  // Worker and processes
  /**
   * A stopped node ends after this, though a library left something open. Its last events leave within a turn
   * or two.
   */
  leftOpenGraceMs: 1 * SECOND,
  /** Characters of an end report. Longer texts are of no use to its reader, and the catalogue bounds them. */
  endMessageChars: 2000,
  /** What `status` leaves of a name that is too wide for the window. */
  cutColumnChars: 8,
  /** The most ids that a name or the beginning of an id may mean. A person is told a few of them. */
  meantIds: 20,
  /**
   * What is read of the standard error of an aborted process. Node prints some 30 lines when its heap is
   * full.
   */
  abortLines: 80,
  abortBytes: 64 * KIB,
  /** How soon a log stream whose link is full looks again. */
  logBusyLookMs: 20,
  /** How long the last reports of a Worker may take to leave. */
  lastReportsMs: 1 * SECOND,
  /** How often it looks whether they have. */
  lastReportsLookMs: 10,
  /** A mailbox that is full takes the end of a process this much later; it must not be lost. */
  informAgainMs: 50,
  /** The first wait between two looks at a group that ends; it grows. */
  groupPollFirstMs: 5,
  /** The most that it grows to: what has ended is free again soon after. */
  groupPollMaxMs: 200,
  /** Characters of a shell's answer that are kept: it may quote a whole command when a signal ended it. */
  shellAnswerChars: 4 * KIB,
  /** First words of commands of which a shell knows whether they are programs. */
  directWords: 256,
  /**
   * After a shorter time only new pids are looked at, not all processes: fewer than all pids were given
   * meanwhile.
   */
  newProcessesMs: 100,
  /**
   * The same, as a multiple of what the last look at all processes took: looks take at most 5 % of the time.
   */
  newProcessesTables: 20,
  /** If more pids were given meanwhile, a look at all processes costs less. */
  newProcessesLooked: 256,
  /** Rounds of such a look, each at what was started during the one before. */
  newProcessesRounds: 4,
  /**
   * A group is held no longer than this: one that writes to a slow disk is left alone and tried again later.
   */
  freezeMs: 50,
  /** Looks at a held group in any case: where all cores are busy our own turn may come late. */
  freezeLooks: 10,
  /** The time between two of these looks. */
  freezeStepMs: 0.5,
  /**
   * The first time between two rounds of killing: somebody may have been started outside the group meanwhile.
   */
  killRoundMs: 20,
  /** The most that it grows to. */
  killRoundMaxMs: 1 * SECOND,
  /** Part of a core that looking at all processes takes at most, on a machine with very many of them too. */
  guardScanShare: 0.02,
  /** Between two looks whether the guard that follows one that was killed is there. */
  guardLookMs: 20,
  /** A guard that dies within this time makes the next one wait. */
  guardStableMs: 1 * SECOND,
  /** The first such wait; it doubles. Without a guard what is started may outlive its Worker. */
  guardRestartFirstMs: 10,
  /** The most that it grows to. */
  guardRestartMaxMs: 1 * SECOND,
  /** Between two looks at processes whose guard was killed: nothing else tells that they have ended. */
  adriftLookMs: 250,
  /** A node waits so long for the program that turns its core dumps off, which takes a millisecond or two. */
  coreLimitMs: 5 * SECOND,
  /**
   * What the kernel lets a piece of work have, as a multiple of its memory. It counts more than the watch of
   * the Worker does, such as cached files, and only kills.
   */
  cgroupMemoryShare: 1.125,
  /** The highest weight that the kernel takes. */
  cgroupWeightMost: 10_000,
  /** The removal of one old folder of work that runs as another user. A larger one goes in several rounds. */
  removeAsMs: 60 * SECOND,
  /** The longest path that every system takes for a socket, with a margin. */
  socketPathChars: 100,
  /** A Worker whose launcher is replaced has so long to leave its work to the next one. */
  nodeLeaveMs: 10 * SECOND,
  /** A node that has not become ready has so long to end by itself. After that it is killed. */
  nodeReplacedMs: 2 * SECOND,
  /** Between two looks of a command whether a Worker that restarts is back. */
  restartLookMs: 100,
  /** Of the reason for which a Worker does not restart, in the message to its leader. */
  restartReasonChars: 500,
  /** Between two looks whether a launcher that is replaced has ended. */
  launcherLookMs: 20,
  /** A package of another release is run once before a node is, and has so long to say its version. */
  packageLookMs: 20 * SECOND,
  /** A node of another release is ready by then, half of the time that the work of a Worker is kept. */
  upgradeReadyMs: 15 * SECOND,
  /** Between two looks whether the node before has left its port. A look reads all processes. */
  leftoverNodeLookMs: 250,
  /**
   * A Worker that has restarted with its work waits so long for the port that it had, and never longer than
   * the time that it has announced. An upgrade waits longer for a node to become ready.
   */
  formerPortMs: 10 * SECOND,
  /** Between two tries to open that port. */
  formerPortLookMs: 50,
  /** Random bytes that the next process of a Worker proves itself with. */
  claimTokenBytes: 32,
  /** A process that connects to a guard must claim within this time. */
  claimSilenceMs: 5 * SECOND,
  /** Characters of what a guard has said last, for the log. */
  guardLastWordsChars: 2000,
  /** Causes of causes that are looked at and logged. An error has hardly more than two. */
  errorCauses: 5,
  /**
   * Part of the memory of a process that V8's heap may have. The rest is for buffers, code, stacks and
   * threads: the heap must fail before the memory watch ends the process.
   */
  heapShare: 0.75,
  /** Part of the memory of a process that the young objects of all its threads may have, garbage included. */
  youngHeapShare: 0.125,
  /** Age of a shared table of processes. Far less than the kernel takes to come round to a pid again. */
  processTableMs: 5,
  /** A thread that remembers a failure tells of it so often at most, while its tasks fail with it. */
  threadErrorTellMs: 1 * SECOND,
  /** Between two looks at processes that were killed with the thread that had started them. */
  processGoneLookMs: 5,
  /**
   * Ended children that an executor keeps, because the thread that had started them is gone. With more it is
   * replaced. Each takes a pid, of which a service often has no more than some 4,900.
   */
  uncollectedMost: 100,
  /** Looks of a Worker in a row, a second apart, at such a child. A busy thread collects its own by then. */
  uncollectedLooks: 30,
  /** Folders of outputs whose rotated parts a process knows by name, so that it need not read them again. */
  foldersKnown: 256,
  /** So long after its last change a folder is known for certain: some disks count whole seconds. */
  folderSettledMs: 2 * SECOND,
  /** Looks for what a process starts while it is being stopped. A stopped one starts nothing more. */
  processTreeRounds: 8,
  /** Characters of what an embedded cluster that fails has said last, for its error. */
  embeddedLastWordsChars: 16 * KIB,
  /** How long a launcher waits for the last output of a node that has ended. */
  nodeLastWordsMs: 500,
  /** A node loads so long after its start what the start did not need: its pages, the library of its log. */
  loadTheRestMs: 2000,

  // Output files
  /** A piece of a sparse file that is looked through at once, in whole blocks. */
  holeChunkBytes: 256 * KIB,
  /** A piece of an output file that is copied at once. */
  rotateCopyBytes: 1 * MIB,
  /** What is left to copy while the writers are held: about a tenth of a millisecond. */
  rotateHeldBytes: 256 * KIB,
  /** Rounds of copying before the writers are held, whatever they have written meanwhile. */
  rotateRounds: 5,
  /** After so many failures to hold the writers, a line may be lost rather than the disk. */
  rotateAttempts: 5,
  /** Of a file with holes at least so much of its end is shown. */
  sparseEndBytes: 64 * KIB,
  /** Looks in a row at output that has not changed, as far as its size and time of change tell. */
  looksSpared: 9,
  /**
   * A process that ended by SIGKILL was killed by the kernel for lack of memory if the kernel has counted
   * such a kill within this time before. It is longer than the time from a kill to the look at it.
   */
  kernelKillMs: 2 * SECOND,
  /** Bytes of output in one page, where nobody asks for less. */
  outputPageBytes: 256 * KIB,
  /** A piece in which the end of an output is searched for its lines, one in a turn: some 0.1 ms. */
  outputTailChunkBytes: 64 * KIB,
  /** A line that is longer is not searched to its beginning. */
  outputTailBytes: 16 * MIB,
  /** How often output is read again because its file was rotated meanwhile. */
  outputReadAttempts: 5,
  /** Bytes of a hole that one turn looks through: a millisecond or two. */
  outputHoleBytes: 4 * MIB,

  // Tasks
  /** Characters of a command that an error shows. */
  commandShownChars: 80,
  /** How often a command that waits for its host looks at the load and the free memory. */
  hostLoadLookMs: 500,
  /**
   * A pipe that was empty is looked at again after this; each time that it is empty twice as late, up to the
   * maximum. A person does not see that, and a command that is silent costs next to nothing.
   */
  pipeLookFirstMs: 2,
  pipeLookMaxMs: 40,
  /** The pipe of a command is read in pieces of this size: what a pipe holds. */
  pipePieceBytes: 64 * KIB,
  /** How often the size of a running command's output is looked at. */
  commandOutputLookMs: 100,
  /** Exports of a module that an error names where the asked one is missing. */
  exportsShown: 10,
  /** How soon a thread writes again to a pipe that is full. */
  consoleAgainMs: 1,
  /**
   * Tasks that were taken back keep their slots until their thread has passed them, so there are more slots
   * than tasks.
   */
  threadSlotsPerTask: 4,
  /** The main thread is woken for results at least this often while one batch runs. */
  threadNoticeMs: 1,
  /**
   * With many tasks at a time in a thread. Their results come one by one, and to wake the main thread and the
   * driver for each would cost as much processor time as a short task.
   */
  threadNoticeManyMs: 2,
  /**
   * With one task at a time and more behind it: the thread does not run dry meanwhile, and several short
   * commands of `each` end in this time.
   */
  threadNoticeBehindMs: 10,
  /**
   * A thread that reaches nothing for so long, though no task runs there, gets no more until it does, and
   * others take what it was given. A loaded machine is seldom later. A longer time between two looks counts
   * as this much, because the main thread itself was late then.
   */
  threadQuietMs: 100,
  /**
   * After this such a thread is replaced: what an ended task left behind keeps it busy. A collection of a
   * large heap takes less. As long as a thread may take that was told to end.
   */
  threadSilentMs: 2 * SECOND,
  /** A batch that is longer lets the timers and sockets of its thread have a turn. */
  threadTurnMs: 5,
  /** Retries that are looked at from the head of their list: fresh tasks must not wait for the search. */
  retriesSeen: 64,
  /** Smaller results are read on arrival: as bytes each would hold on to the whole chunk in which it came. */
  resultKeptBytes: 4 * KIB,
  /** Shorter times are not measured: the noise of the clock would be the rate. */
  taskMeasureMs: 1,

  // Metrics
  /**
   * Types of messages that are counted one by one. The catalogue has fewer; what a defect made more would be
   * counted together.
   */
  metricMessageTypes: 256,
  /** How often a node looks how late its timers are: seldom enough to cost nothing. */
  eventLoopLookMs: 250,

  // HTTP
  /** How often connections are looked at that have been idle or stalled for too long. */
  httpSweepMs: 500,
  /**
   * Sockets that are being told that no slot is free. Above that number a connection is closed without an
   * answer.
   */
  httpRefusals: 32,
  /** How long such a socket may take to hear it. */
  httpRefusalMs: 1 * SECOND,

  // Stores
  /** Position, quotes and separators around a record in a commit. */
  commitEntryRestBytes: 64,
  /** How often a folder may vanish or change under its reader before that is an error. */
  folderReads: 5,
  /** A snapshot is written in such pieces, so that commits and messages get their turns in between. */
  snapshotPieceBytes: 256 * KIB,
  /** Records of the first page of a table in Redis, whose records may have any size. */
  readPageFirst: 32,

  // Command line and configuration
  /** How often `status --watch` asks again. */
  statusWatchMs: 1 * SECOND,
  /** Failed inputs that `each` lists at its end. The rest is counted. */
  eachFailuresListed: 20,
  /** Characters of the program in the application's name. */
  eachNameChars: 200,
  /** Bytes of a line without an end that `each` keeps in memory. More of it waits in a file. */
  eachLineBytes: 64 * KIB,
  /** Bytes of output that wait in memory for commands before theirs. More waits in files. */
  eachWaitingBytes: 16 * MIB,
  /** Bytes of waiting output that are read and printed at a time. */
  eachPrintBytes: 256 * KIB,
  /** Bytes of output in one line of JSON: a text ends at some 500 MB. */
  eachJsonBytes: 64 * MIB,
  /** How often progress is printed as a line. */
  progressLineMs: 1 * SECOND,
  /** Characters of a progress bar. */
  progressBarChars: 30,
  /** How wide a terminal is where the system does not tell. */
  terminalColumns: 80,
  /** How often progress is drawn on a terminal. */
  progressDrawMs: 100,
  /** A command that waits for its host says so after this: until then nobody wonders. */
  hostWaitSilentMs: 3 * SECOND,
  /** How often one host is said to be waited for. */
  hostWaitToldMs: 60 * SECOND,
  /** How soon `each` sees that an executor is free for its next command. */
  eachGateMs: 5,
  /** A percentage of `--halt` holds only after so many ends, as in GNU parallel. */
  eachHaltLeast: 3,
  /** The shortest lease: its margins for clocks and slow loops take a good part of it. */
  leaseMsMin: 1 * SECOND,
  /**
   * The shortest margin of a lease, which is a tenth of it: loops are late by tens of milliseconds on a busy
   * machine.
   */
  leaseMarginMsMin: 100,
  /** A Worker timeout has at least so many leases: else a failover alone would cost Workers. */
  leasesPerWorkerTimeout: 4,
  /**
   * Values that aliases of a deployment file may make of one: a file of a few lines must not become
   * gigabytes.
   */
  yamlAliases: 100,
  /** Nesting of a deployment file: twice what one needs. */
  configDepth: 32,
  /** Real files are far smaller. This keeps a command from reading a disk by accident. */
  configBytes: 16 * MIB,
  /** Memory that is left to the system and to the Worker itself, where a deployment file says nothing. */
  machineReservedMib: 1024,
  /** Rounds in which faulty keys are set aside to find more faults. What is left after each is smaller. */
  configPruneRounds: 2,
  /** Memory of a driver that asks for none, as in Spark. */
  driverMemoryMib: 1024,
  /** A flush takes at most this long: a reader that has stopped must not keep a process from ending. */
  logCloseMs: 2 * SECOND,
  /** At the end of a process, for lines that a full pipe did not take. The reader needs one turn for them. */
  logExitMs: 0.5 * SECOND,
  /** Lines that a log forgets together once the system has taken them. */
  logLinesCut: 1000,
  /** The longest traceparent and tracestate that are taken; W3C Trace Context asks for 512. */
  traceStateChars: 512,
  /** W3C Trace Context: a tracestate has at most so many members. */
  traceStateMembers: 32,
  /** A collector that takes longer for a batch of spans loses it. */
  otlpExportMs: 5 * SECOND,
  /** What a node waits at its end for the last spans to be sent. */
  otlpCloseMs: 2 * SECOND,
  // Code
  /** Bytes of code that one turn reads, hashes or writes: some 0.3 ms of hashing. */
  codeSliceBytes: 128 * KIB,
  /** Lines of a manifest that one turn reads or writes. */
  codeLines: 500,
  /** Files of code that are looked at or removed in one slice of work: a slow disk needs 2 ms for each. */
  codeSliceFiles: 32,
  /** Pieces of files that are written with one order: as many small files take some milliseconds. */
  codePieces: 128,
  /** Files of code that one order gives to be read. */
  codeReadFiles: 64,
  /** The thread for files of code ends when nothing was asked of it for this long. */
  codeDiskIdleMs: 10 * SECOND,
  /** Nice value of that thread: beside busy programs it still has a tenth of a processor. */
  codeDiskNice: 10,
  /** Of all code, the largest files that an error names. */
  codeLargest: 10,
  /** Names that an error lists. */
  codeNames: 10,
  /**
   * Bytes of code that a source may send before they are written: enough for the longest way with a full
   * pipe. A sink tells what it has written in portions.
   */
  codeWindowBytes: 4 * MIB,
  codeTakenBytes: 512 * KIB,
  /** How often a sink looks whether anything came, in the time after which its source stands still. */
  codeStallLooks: 4,
  /** Files that may be asked for and are not written. */
  codeWindowFiles: 256,
  /** Bytes of one message of a code link that is no piece of a file. */
  codeMessageBytes: 60 * KIB,
  /** Rounds over all sources of a code, and what is waited before the second one; four times as long each. */
  codeRounds: 5,
  codeRetryMs: 50,
  /** Rounds of a submitter over all Workers in which none takes its code, and none is busy. */
  codeOffers: 3,
  /** A submitter that was refused by a busy Worker waits about so long. It doubles up to codeBusyMs. */
  codeBusyFirstMs: 0.25 * SECOND,
  codeBusyMs: 5 * SECOND,
  /** Codes of the cache that a new one is compared with, for files that need not come. */
  codeCompared: 4,
  /** Characters of the id of a code in a table, enough to tell them apart. */
  codeShownChars: 12,
  /** Characters of a digest in the key of a submission of a deployment file. */
  codeKeyChars: 16,
  /** Codes of one page of `firesteel code ls`. */
  codeRows: 200,
  /** Rules of one .firesteelignore, in bytes. */
  codeIgnoreBytes: 64 * KIB,

  /** Orders that a launcher remembers, and the leader of each. One that is older is not asked for again. */
  launcherOrders: 64,
  /** What an order answers, as JSON: as much as a client may be sent in one message. */
  orderResultChars: 256 * KIB,
  /** Such answers that a launcher keeps for those who ask again. */
  orderResults: 8,
  /** What an order says of itself. */
  orderMessageChars: 2000,
  /** A launcher whose nodes are not ready for so long opens its link to the Masters all the same. */
  launcherLinkMs: 5_000,
  /** Changes that the record of a deployment names, and the characters of each. */
  deploymentChanges: 40,
  deploymentChangeChars: 200,
  /** From one look at an order to the next. */
  orderLookMs: 100,

  /** How long the message to a supervisor (`systemd-notify`) may take. */
  serviceNotifyMs: 5_000,

  /** A thread of an executor that ends has so long to send its spans; all of it is in `executorExitMs`. */
  spanFlushMs: 700,
  /** The first executors of an application belong to the trace of its registration; later ones link to it. */
  registrationExecutors: 64,
} as const
