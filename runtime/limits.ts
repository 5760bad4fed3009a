/**
 * Every limit of Firesteel: name with unit, default, reason. What a deployment file can change is in the
 * config schema, with its default taken from here. Numbers of protocol 19 carry that mark. What only bounds or paces the
 * work inside one process stands in inner-limits.ts.
 */
const SECOND = 1000
const KIB = 1024
const MIB = 1024 * KIB

export const limits = {
  // Transport
  /**
   * One message of the control plane, as JSON, by the role of its link. A larger one is MESSAGE_TOO_LARGE at its sender,
   * and cuts the link at its reader before anything is allocated. A client, an application or a driver brings one record
   * (recordBytes), and gets answers in pages.
   */
  clientMessageBytes: 512 * KIB,
  /**
   * Masters give each other records as text inside JSON, which makes each at most twice as long. Not more: reading and
   * checking one message is one turn of the loop, and costs some 10 ms for each MiB.
   */
  nodeMessageBytes: 640 * KIB,
  /**
   * Values in one message of more than messageCountedBytes: what reading and checking it costs depends on them more than
   * on its bytes. A smaller one, such as any page of an answer, cannot hold enough of them to matter.
   */
  messageItems: 32_768,
  messageCountedBytes: 160 * KIB,
  /** Keys of one object in a message, such as environment variables. */
  messageKeys: 1024,
  /** Nesting of one message. Ours have less than ten. */
  messageDepth: 64,
  /**
   * What one turn of the event loop takes from all links together: some 5 ms of reading and checking. The rest waits
   * for the next turn, so that timers, the store and the lease have theirs in between.
   */
  turnItems: 512,
  turnBytes: 128 * KIB,
  /** What one link gives before the next link of a turn has its go. */
  linkShareItems: 32,
  linkShareBytes: 16 * KIB,
  /**
   * What may wait in an actor's mailbox that came over links, all together: one message counts 1, and 1 more for each
   * envelopeUnitBytes; a question counts envelopeQuestionUnits, because it costs an answer. Over it links are not read. It
   * bounds memory (about 1 MiB of text) and how long one message waits behind all others.
   */
  envelopeUnits: 256,
  envelopeUnitBytes: 4 * KIB,
  envelopeQuestionUnits: 8,
  /**
   * Frames held that have not come whole or are not read yet, over all links of clients, applications and drivers, and
   * over all links of nodes: over it the one that began first is cut. A thousand Workers may report at once.
   */
  clientFrameBytes: 64 * MIB,
  nodeFrameBytes: 256 * MIB,
  /**
   * Envelopes that peers do not take, over all links of a kind; a link with less than sendQueueCountedBytes does not count, and
   * others count in whole steps, rounded up, so that not each message is counted. Over it the one that has waited
   * longest is cut.
   */
  clientSendQueueBytes: 128 * MIB,
  nodeSendQueueBytes: 512 * MIB,
  sendQueueCountedBytes: 256 * KIB,
  sendQueueStepBytes: 64 * KIB,
  /** Task payload bytes in one frame, so that a large result never delays a heartbeat. */
  payloadChunkBytes: 64 * KIB,
  /** What a payload frame may hold beside its chunk: whose it is and where it goes. */
  payloadHeaderBytes: 1 * KIB,
  /** Envelopes gathered in one turn leave at the latest at this size: about what one read of a socket takes. */
  linkBatchBytes: 64 * KIB,
  /** Payload handed to a socket at once: all that an envelope can find ahead of it on our side. */
  payloadWindowBytes: 128 * KIB,
  /** A handshake message (protocol 16): unproven peers get no memory. */
  handshakeBytes: 1 * KIB,
  handshakeMs: 5 * SECOND,
  /**
   * Connections of one address that have not proven anything. Over it the oldest go, but each has openHandshakeGraceMs:
   * an honest one is through within milliseconds, an idle one is old.
   */
  openHandshakesPerAddress: 64,
  openHandshakeGraceMs: 100,
  /** Of all addresses; over it the oldest go at once. A whole cluster may come back behind one address. */
  openHandshakes: 1024,
  /**
   * Handshakes that one address begins in a second, and at most at once: some 0.15 ms each, so that who has no key takes a
   * sixth of the loop. A connection over it is closed at its hello, and who is honest dials again within 250 ms; a whole
   * cluster of a thousand nodes behind one address notices nothing. Who says nothing, or no hello, begins none: to close
   * such a connection at once costs as much as to keep it, and one is accepted in a turn of the loop.
   */
  handshakesPerSecondPerAddress: 1000,
  /**
   * Links of clients, applications and drivers to one node, and of nodes. Over it the newest are closed again. Fewer
   * where the process may not open so many files (see nodeDescriptorShare).
   */
  clientLinks: 4096,
  nodeLinks: 4096,
  /**
   * Parts of the files that the process may open (its hard limit: Node raises the soft one to it at its start). HTTP has
   * httpDescriptorShare; the rest is for the store, for files, and for what a Worker starts. With 1,024 a Master has room
   * for 384 other nodes.
   */
  nodeDescriptorShare: 3 / 8,
  clientDescriptorShare: 1 / 4,
  handshakeDescriptorShare: 1 / 8,
  /** A node does not start with fewer: at rest it has some 25 open, but Node opens a hundred when it loads the program. */
  descriptorsLeast: 128,
  /** A Master that may open fewer says so at its start: with this many it has room for 1,536 nodes and 1,024 others. */
  descriptorsEnough: 4096,
  /** Connections that wait to be accepted. Over it a whole cluster that comes back at once waits for TCP's 1 s retry. */
  listenBacklog: 4096,
  /** Bytes queued on one link before it pushes back. */
  linkHighWaterBytes: 4 * MIB,
  /** Multiple of linkHighWaterBytes at which a link whose sender does not stop is closed. */
  linkOverflowFactor: 4,
  /** Time a closed link has to hand over what was sent before. */
  linkLingerMs: 1 * SECOND,
  linkHeartbeatMs: 1 * SECOND,
  /** Silence that counts as a dead link: max(this, 2 leases) (protocol 19). */
  linkDeadMs: 5 * SECOND,
  /** Toward drivers, whose loop belongs to their user (protocol L4). */
  driverLinkDeadMs: 60 * SECOND,
  reconnectFirstMs: 20,
  reconnectMaxMs: 250,
  /** Wrong secret, cluster or version: nothing that mends within a second. */
  reconnectRefusedMaxMs: 5 * SECOND,
  dialMs: 1 * SECOND,

  // Actors
  mailboxMessages: 100_000,
  /** Messages one actor handles before others get their turn. */
  batchMessages: 256,
  /** How long it goes on with messages from links before others get their turn: one that is costly ends its turn. */
  batchMs: 5,
  /**
   * Small messages from links between two looks at the clock, while as many take no longer than their part of batchMs. A
   * question, a message of envelopeUnitBytes or more, and each after a costly one has a look of its own.
   */
  batchLookMessages: 8,
  askMs: 10 * SECOND,
  /** How long a stop waits for a handler whose promise is pending before it leaves it behind. */
  actorStopMs: 5 * SECOND,
  /** A handler that has been pending this long is told of. */
  handlerWarnMs: 10 * SECOND,
  /** Restarts of one actor in actorRestartPeriodMs before its failure escalates. */
  actorRestarts: 3,
  actorRestartPeriodMs: 10 * SECOND,
  /** Questions of one link that wait for their answer; over it they are refused as BUSY. */
  openQuestions: 4096,
  /** How long a question is kept for an answer at most, whatever its asker says. */
  questionKeepMs: 10 * 60 * SECOND,
  /** Costly questions (states, traces) that a process answers in one window, and the time for them: a third of its loop. */
  questionsServed: 4,
  questionServeMs: 2,
  questionWindowMs: 6,
  /** Such questions that wait, of one asker and of all; over it they are refused as BUSY. */
  questionsWaitingEach: 32,
  questionsWaiting: 1024,
  traceRing: 10_000,
  /**
   * Bytes of the messages in a ring of that size, as they travelled; a larger ring has as much more. Over it the oldest are
   * forgotten. Messages of a cluster have some 300 each, so that only who sends large ones shortens a trace.
   */
  traceRingBytes: 16 * MIB,
  /** Entries in one answer of a trace ring, and their size as JSON: a millisecond or two to make, to read and to check. */
  traceChunkEntries: 200,
  traceChunkBytes: 32 * KIB,
  /** Messages looked at for one such answer, wanted or not: a ring may be configured to hold many more. */
  traceChunkLooks: 5000,
  /** The payload of one message in a trace; of a larger one only its size is shown. */
  tracePayloadBytes: 4 * KIB,
  /** Rows in one page of a Master's state, and their bytes: some 0.5 ms to write, so that heartbeats do not wait behind it. */
  statePageRows: 500,
  statePageBytes: 128 * KIB,
  /** A process that does not answer within this is missing in a trace. */
  traceAskMs: 2 * SECOND,
  /** How often `trace -f` asks; what it shows is older than this, so that all processes have told of it. */
  traceFollowMs: 500,
  /** Processes asked for their traces at the same time. */
  traceAsksAtOnce: 32,
  /** Messages that a followed trace remembers to have shown: a late second report of one is no second message. */
  traceRemembered: 200_000,

  // Commit commit queue (protocol 4)
  commitQueueSteps: 10_000,
  commitQueueBytes: 64 * MIB,
  /** Effects of durable writes that leave in one turn, and the time after which a turn of them ends: some are large. */
  releaseEffects: 256,
  releaseMs: 5,
  commitEntries: 512,
  commitBytes: 1 * MIB,
  recordBytes: 256 * KIB,
  /** What a record holds beside its description: ids, key, digest, positions. */
  recordRestBytes: 16 * KIB,
  /**
   * Part of the heap that the records of a Master may take as JSON, each with recordHeapBytes more. It holds them some
   * four times: as objects, in its record cache, in the commit queue or the tables of its files, and as rows. Over it, or over
   * recordBytesInAll, new work is BUSY.
   */
  recordHeapShare: 1 / 8,
  recordHeapBytes: 1 * KIB,
  /** All records at most, however large the heap is: a new Master reads them before it leads. */
  recordBytesInAll: 128 * MIB,
  /** Over this part a Master does not begin with what its store holds: reading it would end in the midst. */
  storeHeapShare: 1 / 5,
  /** Looks at Workers and executors in one pass that gives executors to applications: some 3 ms. */
  executorLooks: 50_000,
  /** Characters of an id or a name; of a text, such as a path, a label or a reason. */
  nameChars: 256,
  textChars: 16_384,
  /** Of one argument or one variable: what Linux gives to a program (MAX_ARG_STRLEN), with its end. */
  argumentChars: 131_071,
  arguments: 10_000,
  nodeOptions: 100,
  /** Addresses of one custom resource, and of all that a Worker offers. */
  resourceAddresses: 1024,
  resourceAddressesInAll: 4096,
  /** Records in one page that is read from a store, and their bytes, unless one record has more. */
  readPage: 512,
  readPageBytes: 1 * MIB,
  storeBackoffFirstMs: 20,
  storeBackoffMaxMs: 250,
  /** Between two dials of a Redis that nobody asks for, or that refuses us for good. */
  redisIdleBackoffMaxMs: 1 * SECOND,
  /** Journal size at which the file engine writes a new snapshot. */
  journalBytes: 64 * MIB,

  // Leadership and recovery (protocol 11, 19)
  leaseMs: 2.5 * SECOND,
  /** Spreads candidates that wait for the same lock. */
  electionJitterMs: 50,
  /** What a lock server may be slower than the majority and still be counted. */
  slowLockServerMs: 20,
  /** A candidate whose store did not answer looks again after this. */
  electionRetryMs: 250,
  /** After a leader's end: how often, and for how long, its presence is counted before the lock is waited for. */
  presenceLookMs: 10,
  presenceWatchMs: 300,
  /** How long the durable records of a deposed leader are kept: outlasts Sentinel with its default of 30 s. */
  recordCacheGraceMs: 60 * SECOND,
  /** Ends of unknown drivers that a leader keeps, each some 300 bytes, while their records may come back. Their Workers keep them too. */
  keptEnds: 10_000,
  /** Elections that a leader record remembers: more than there are while a record cache is kept, even where each one fails. */
  pastElections: 32,
  /**
   * How far above the store's epoch the word of a peer is believed. A store that fell can have forgotten at most all
   * elections of its cluster: that are fewer (one every five minutes for nine years). And it keeps epochs countable: a
   * peer that lies at every election brings them to their end after nine thousand million elections.
   */
  epochRise: 1_000_000,
  /**
   * How far above what the store held at an election the word of others is believed on the generation of a driver and on the
   * executor ids of an application. A store that fell can have forgotten at most all launches of that driver or
   * application: that are fewer (one a second for thirty years). And it keeps them countable: lies, at every election
   * again, bring them to their end after nine million elections in which that driver or application lives.
   */
  launchRise: 1_000_000_000,
  /** A claim of another leadership makes a Master look at the store at most this often: four cheap scripts a second. */
  claimLookMs: 250,
  /**
   * So long after its election a leader steps down once on the word of a peer alone, to be elected above what its store has
   * forgotten. Workers that live have linked to it by then: they dial again within 250 ms.
   */
  claimBeliefMs: 10 * SECOND,
  /**
   * A candidate that has waited `rewindPatienceMs` on the word of peers alone, and a leader that has stepped down on it, do
   * not do so again for so long: a lie costs one failover of many three seconds.
   */
  claimDoubtMs: 10 * 60 * SECOND,
  /** A STANDBY warms up a recovery this long after it has heard of a leader: then nobody waits for it. */
  warmUpMs: 500,
  /**
   * Stored records that fill the cluster state of a new leader in one turn, and their bytes: some 2 ms, and no more than one
   * commit takes, should all of them be written again.
   */
  recoveryRecords: 500,
  recoveryRecordBytes: 512 * KIB,
  /** Records of a lost writes in one message and one step: what each of them writes stays within a commit. */
  lostWriteRecords: 100,
  /** And their bytes, unless one record has more. */
  lostWriteRecordBytes: 256 * KIB,
  /** Messages of a lost writes that are under way at once: on a slow link some 1600 records in one round trip. */
  tailWindow: 16,
  /** Records of a record cache that are looked at in one turn, lost or not. */
  lostWriteLooks: 2000,
  /** While so much waits to be written, the next piece of a lost writes waits until the one before is durable. */
  lostWriteAheadBytes: 2 * MIB,
  /** How often a Master shows itself to one that should dial it and has not: that one may not know of it. */
  introduceMs: 1 * SECOND,
  /** A store that lost its last writes: who has the record cache goes first. */
  rewindPatienceMs: 3 * SECOND,
  /** Clean hand-over (protocol 13): to empty the commit queue; others hold off; the old leader stays linked. */
  handOverDrainMs: 20,
  handOverHoldOffMs: 200,
  handOverLingerMs: 1 * SECOND,
  /** A leader that hears too few of its Workers hands over at most this often. */
  handOverEveryMs: 60 * SECOND,
  recoveryQuietMs: 250,
  recoveryMaxMs: 1 * SECOND,
  workerTimeoutMs: 60 * SECOND,
  applicationTimeoutMs: 60 * SECOND,
  applicationGraceMs: 10 * SECOND,
  adoptGraceMs: 30 * SECOND,
  /** Extra wait before a relaunch, so that the guard of a dead Worker has done its work. */
  guardMarginMs: 2 * SECOND,
  executorIdBlock: 1000,
  retainedEnded: 200,
  keyRetentionMs: 24 * 3600 * SECOND,
  retainedKeys: 100_000,
  maxExecutorRetries: 10,
  /** After a launch that came to nothing, that Worker is left alone by that application or driver for this long; it doubles. */
  launchBackoffFirstMs: 1 * SECOND,
  /** A machine that has been mended is found again within a minute. */
  launchBackoffMaxMs: 60 * SECOND,
  /** An executor that ran this long has started: longer than a crash at its start takes, also on a busy machine. */
  executorStableMs: 10 * SECOND,
  /** Launches in a row that came to nothing, after which a Worker is excluded: once is chance, three times is the machine. */
  launchExcludeAfter: 3,
  /** An excluded Worker is not tried while another one is large enough: long, so that a bad machine costs an application little. */
  launchExclusionMs: 300 * SECOND,
  /** Failed Workers that the status of one application names, the newest first: enough to see what is wrong. */
  shownFailedWorkers: 8,
  /** What a Worker says of a failed launch, and the path that it names, are kept to this length: status holds many of them. */
  launchFailureChars: 500,

  // Worker
  /** Cores that a Worker may offer: eight times as many as Linux knows of. Each may become an executor in a Master's books. */
  workerCores: 65_536,
  /** Heartbeats of a Worker in one timeout; a Master looks for silent Workers as often. */
  heartbeatsPerTimeout: 12,
  /**
   * Executors and drivers in one message of a full report, and their bytes, unless one has more: it may bring a whole
   * description. Less than messageCountedBytes: descriptions with many short arguments together have too many values.
   */
  reportItems: 500,
  reportBytes: 128 * KIB,
  killGraceMs: 10 * SECOND,
  memoryCheckMs: 1 * SECOND,
  outboxKeepMs: 10 * 60 * SECOND,
  restartFirstMs: 1 * SECOND,
  restartMaxMs: 60 * SECOND,
  /** A driver that ran this long before it failed starts its back-off anew. */
  restartResetMs: 5 * SECOND,
  /** Failures of a supervised driver in a row, each sooner than that, after which it is tried elsewhere: see launchExcludeAfter. */
  driverCrashes: 3,
  outputFileBytes: 64 * MIB,
  outputFiles: 4,
  /** How often the size of an output file is looked at. */
  outputCheckMs: 1 * SECOND,
  /** How often a reader that follows an output file looks for more. */
  outputFollowMs: 100,
  /** No file descriptors left: a start is tried again after this, doubling, and given back to the Master after shortageMs. */
  shortageFirstMs: 50,
  shortageMs: 5 * SECOND,
  /** How often a guard looks for what its groups have started. */
  guardScanMs: 1 * SECOND,
  /** A line on a control pipe between two of our processes. */
  controlLineBytes: 1 * MIB,
  workCleanupMs: 1800 * SECOND,
  workRetentionMs: 7 * 24 * 3600 * SECOND,
  /** Folders of ended executors and drivers that a Worker keeps: as many as it still shows. The oldest go first. */
  workFolders: 1000,
  /** Of one application: executors that fail over and over must not push out the output of others. */
  workFoldersPerApplication: 100,
  /** The folders are counted again after so many ends, so that the numbers above are exceeded by no more than that. */
  workCleanupEnds: 100,
  /** Ended executors, and ended drivers, that a Worker still shows (Spark's retainedExecutors). */
  retainedFinished: 1000,
  /** Of the command of an executor, as its Worker shows it. */
  shownCommandChars: 1000,
  /** Ends a Worker remembers, so that a launch that comes again is not started again (protocol R6). */
  rememberedLaunches: 100_000,
  /** Bytes in one chunk of a log stream: 64 KiB as base64. */
  logChunkBytes: 48 * KIB,
  /** Log streams open at one Worker. */
  logStreams: 256,

  // Tasks
  executorTimeoutMs: 10 * SECOND,
  taskAttempts: 4,
  /** Work of this long is sent ahead to an executor: hides the way there and back, hoards nothing that takes longer. */
  taskPrefetchMs: 20,
  /** Tasks at one executor at most, however fast they end. */
  taskWindow: 4096,
  /** Attempts that an executor may say it holds: many windows, as results wait there while links break one after the other. */
  heldAttempts: 64 * 4096,
  /** Input bytes at one executor, beyond the one task that may be larger. */
  taskWindowBytes: 64 * MIB,
  /** Tasks that wait in one thread of an executor; what has not begun is taken back when another thread idles. */
  threadQueue: 64,
  /** Shared memory in which a thread leaves its results, so that they outlive it. */
  threadRingBytes: 1 * MIB,
  /** How often an executor looks at its running tasks: timeouts, results that nobody was woken for. */
  threadLookMs: 10,
  /** A cancelled or timed-out task has this long to end by its AbortSignal before its thread is ended. */
  taskAbortGraceMs: 500,
  /** A thread that was told to end and has not is in a call that nothing interrupts, and costs its executor. */
  threadEndMs: 2 * SECOND,
  /** An executor that ends itself has this long to tell its driver why. */
  lastWordsMs: 1 * SECOND,
  /** An executor that is told to end waits this long for its threads; then it ends with all that it started. */
  executorExitMs: 1 * SECOND,
  /** After a thread that ended before it had begun a task the next one is started this much later; it doubles. */
  threadRestartFirstMs: 100,
  /** The most that it grows to, where other threads of the executor work. */
  threadRestartMaxMs: 10 * SECOND,
  /** A thread that has not begun its first task this long after its start has failed: a slow preload takes seconds. */
  threadStartMs: 30 * SECOND,
  /** So many in a row, and none that works, cost their executor: within two seconds, so that it counts as one that failed. */
  threadStartFailures: 5,
  /** A module that failed to load twice in a row is tried once in this time: each try takes a thread. */
  moduleRetryMs: 1 * SECOND,
  /** Executors on which a task whose module cannot be loaded is tried before that is its error. */
  moduleExecutors: 3,
  /** What a command of `each` leaves behind gets SIGTERM, and SIGKILL after this. */
  commandGraceMs: 1 * SECOND,
  /** Idle slots wait this long before tasks that have not started are recalled from busier executors. */
  taskRebalanceMs: 20,
  /** Tasks of one map or each that are pulled before anything is known of their speed. */
  mapInFlightFirst: 16,
  /** Results of one map or each that nobody has read yet; over it no further input is pulled. */
  mapUnreadResults: 1024,
  /** Bytes of inputs under way and unread results of one map or each. */
  mapBufferedBytes: 64 * MIB,
  quarantineLosses: 3,
  /** Causes of causes, and errors of an AggregateError, that travel with the error of a task. */
  errorDepth: 8,
  errorsTogether: 32,
  /** Characters of a message or a stack. */
  errorTextLength: 16 * KIB,
  /** An error with its causes; over it they stay behind. */
  errorRecordBytes: 1 * MIB,
  /** Own fields of one error, such as `status`: for facts about the failure, not for what the task had loaded. */
  errorFieldsBytes: 64 * KIB,
  /** An error may have fields that hold errors that have fields. */
  errorFieldDepth: 2,
  maxInputBytes: 64 * MIB,
  maxResultBytes: 64 * MIB,

  // Clients
  /** An unanswered RegisterApplication or UnregisterApplication is sent again after this: both are idempotent. */
  requestRepeatMs: 1 * SECOND,
  /** How often the state of a driver that is followed to its end is asked for. */
  driverPollMs: 200,
  /** Wait before a request that was refused for now (BUSY, STORE_*, a leader that still recovers) is sent again, at most. */
  requestRetryMs: 100,
  /** The first such wait; it doubles. A leader recovers within tens of milliseconds. */
  requestRetryFirstMs: 10,
  /** close() waits this long for UnregisteredApplication; then the closed link ends the application (applicationGrace). */
  unregisterMs: 10 * SECOND,
  /** Ended executors whose ids an application remembers, so that a late ExecutorAdded does not revive them. */
  rememberedExecutors: 10_000,
  /** Log bytes that wait for a slow reader of `logs` before the stream is given up. */
  logBacklogBytes: 256 * MIB,
  /** An embedded cluster must be ready within this. */
  embeddedStartMs: 30 * SECOND,

  // HTTP: pages for people, probes and scrapers. Nobody proves who he is there, so all of it is small.
  /** Connections in all, and of one address: far more than probes and browsers hold, far fewer than links need. */
  httpConnections: 128,
  httpConnectionsPerAddress: 32,
  /** And never more than this part of the file descriptors of the process. */
  httpDescriptorShare: 1 / 8,
  /** Connections that wait to be accepted. */
  httpBacklog: 128,
  /** Requests that are begun in a second, of one address and in all; others wait their turn, at most as long as there are connections. */
  httpRequestsPerSecondPerAddress: 100,
  httpRequestsPerSecond: 400,
  /** Bytes of answers in a second, of one address and in all: what is left of the loop's time writes the Master's own links. */
  httpBytesPerSecondPerAddress: 16 * MIB,
  httpBytesPerSecond: 64 * MIB,
  /** What a client that was refused is told to wait. */
  httpRetryAfterSeconds: 1,
  /** Work on HTTP in one turn of the event loop; then everybody else has a turn. */
  httpSliceMs: 5,
  /** What a connection may have parsed at once: a few dozen of the shortest requests there are. */
  httpFeedBytes: 1 * KIB,
  /** What is read from a connection before it has to wait. */
  httpUnreadBytes: 64 * KIB,
  httpHeadBytes: 8 * KIB,
  httpBodyBytes: 64 * KIB,
  /** From the first byte of a request to its last. */
  httpRequestMs: 5 * SECOND,
  /** Between two requests on one connection. */
  httpIdleMs: 5 * SECOND,
  /** An answer: without progress, and in all. */
  httpStallMs: 5 * SECOND,
  httpAnswerMs: 30 * SECOND,
  /** A page that is made costs at most one part in so many of the loop, however often it is asked for; and is no older than the bound. */
  httpPageShare: 20,
  httpPageMaxAgeMs: 2 * SECOND,
  /** Texts of pages that slow readers keep; over it the oldest ones are taken from their readers. */
  httpTextBytes: 64 * MIB,
  /** Pieces in which a page is made and sent. */
  httpChunkBytes: 64 * KIB,

  // Nodes
  /**
   * A node that has failed is gone within this. Half of it is for its log to get out; whatever else it waits for is
   * left to the kernel and to its guard.
   */
  nodeEndMs: 800,

  // Launcher
  launcherRestartFirstMs: 100,
  launcherRestartMaxMs: 5 * SECOND,
  /** A node that ran this long before it died is restarted at once again: longer than a crash at start takes. */
  launcherStableMs: 10 * SECOND,
  masterTimeoutMs: 30 * SECOND,
  stopGraceMs: 15 * SECOND,

  // Logs
  /** A repeated complaint about one peer is logged once, then as a count at this interval. */
  logRepeatMs: 10 * SECOND,
  logRepeatKeys: 1000,
} as const
