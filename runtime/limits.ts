/**
 * Every limit of Firesteel: name with unit, default and reason. A deployment file can change those that the
 * config schema names; the schema takes its defaults from here. A value of protocol 19 says so. What only
 * bounds or paces the work inside one process stands in inner-limits.ts.
 */
const SECOND = 1000
const KIB = 1024
const MIB = 1024 * KIB

export const limits = {
  // Transport
  /**
   * Bytes of one message on a link of a client, an application or a driver, as JSON. A larger one is
   * MESSAGE_TOO_LARGE at its sender, and ends the link at its reader before anything is allocated. Such a
   * peer sends one record at most (recordBytes) and gets answers in pages.
   */
  clientMessageBytes: 512 * KIB,
  /**
   * Bytes of one message between nodes, as JSON. Masters send each other records as text inside JSON, which
   * makes each at most twice as long. It is not larger, because reading and checking one message takes one
   * turn of the event loop and some 10 ms per MiB.
   */
  nodeMessageBytes: 640 * KIB,
  /**
   * Values in one message of more than messageCountedBytes. The cost of reading and checking a message
   * depends more on its values than on its bytes. A smaller message, such as a page of an answer, cannot hold
   * enough of them to matter.
   */
  messageItems: 32_768,
  messageCountedBytes: 160 * KIB,
  /** Keys of one object in a message, such as environment variables. */
  messageKeys: 1024,
  /** Nesting of one message. Our own messages have less than ten levels. */
  messageDepth: 64,
  /**
   * What one turn of the event loop takes from all links together: some 5 ms of reading and checking. The
   * rest waits for the next turn, so that timers, the store and the lease are served in between.
   */
  turnItems: 512,
  turnBytes: 128 * KIB,
  /** What one link delivers in a turn before the next link has its share. */
  linkShareItems: 32,
  linkShareBytes: 16 * KIB,
  /**
   * What may wait in an actor's mailbox from all links together. A message counts 1, and 1 more for each
   * envelopeUnitBytes; a question counts envelopeQuestionUnits, because it costs an answer. Above this, links
   * are not read. This bounds memory (about 1 MiB of text) and how long one message waits behind all others.
   */
  envelopeUnits: 256,
  envelopeUnitBytes: 4 * KIB,
  envelopeQuestionUnits: 8,
  /**
   * Bytes of incomplete or unread frames, over all links of clients, applications and drivers, and over all
   * links of nodes. Above this, the link that has held bytes for longest is ended. A thousand Workers may
   * report at once.
   */
  clientFrameBytes: 64 * MIB,
  nodeFrameBytes: 256 * MIB,
  /**
   * Bytes of envelopes that peers have not accepted yet, over all links of a kind. A link with less than
   * sendQueueCountedBytes does not count. Others count in whole steps, rounded up, so that not every message
   * is counted. Above this, the link that has waited longest is ended.
   */
  clientSendQueueBytes: 128 * MIB,
  nodeSendQueueBytes: 512 * MIB,
  sendQueueCountedBytes: 256 * KIB,
  sendQueueStepBytes: 64 * KIB,
  /** Bytes of task payload in one frame, so that a large result never delays a heartbeat. */
  payloadChunkBytes: 64 * KIB,
  /** What a payload frame may hold besides its chunk: whose it is and where it goes. */
  payloadHeaderBytes: 1 * KIB,
  /**
   * Envelopes gathered in one turn leave at this size at the latest. It is about what one read of a socket
   * takes.
   */
  linkBatchBytes: 64 * KIB,
  /** Bytes of payload that a socket has at once. No envelope finds more payload ahead of it on our side. */
  payloadWindowBytes: 128 * KIB,
  /**
   * Bytes of a handshake message (protocol 16). It is small, because a peer that is not authenticated gets no
   * memory.
   */
  handshakeBytes: 1 * KIB,
  /**
   * How often the files of certificates are looked at, and the certificates of open links. Two looks that
   * find the same new files make them count, so that is after twice this time.
   */
  tlsLookMs: 5 * SECOND,
  /** A handshake takes milliseconds; this also allows for a slow network and a busy peer. */
  handshakeMs: 5 * SECOND,
  /**
   * Connections of one address that are not authenticated yet. Above this the oldest ones are ended, but each
   * has openHandshakeGraceMs. An honest peer is done within milliseconds, an idle one is old.
   */
  openHandshakesPerAddress: 64,
  openHandshakeGraceMs: 100,
  /**
   * The same for all addresses together; above this the oldest ones are ended at once. A whole cluster may
   * come back behind one address.
   */
  openHandshakes: 1024,
  /**
   * Handshakes that one address may begin in a second, and at once. Each takes some 0.15 ms, so that a peer
   * without the key uses a sixth of the event loop. A connection above this is closed at its hello. An honest
   * peer dials again within 250 ms, and a cluster of a thousand nodes behind one address notices nothing. A
   * connection without a hello begins no handshake: closing it at once would cost as much as keeping it, and
   * one connection is accepted in a turn of the event loop.
   */
  handshakesPerSecondPerAddress: 1000,
  /**
   * Links of clients, applications and drivers to one node, and of nodes. Above this, new links are closed
   * again. There are fewer if the process may not open so many files (see nodeDescriptorShare).
   */
  clientLinks: 4096,
  nodeLinks: 4096,
  /**
   * Shares of the files that the process may open (its hard limit: Node raises the soft one to it at its
   * start). HTTP has httpDescriptorShare. Open handshakes have theirs for links, and as much before HTTPS.
   * The rest is for the store, for files, and for what a Worker starts. With 1,024 files a Master can have
   * links to 384 other nodes.
   */
  nodeDescriptorShare: 3 / 8,
  clientDescriptorShare: 1 / 4,
  handshakeDescriptorShare: 1 / 16,
  /**
   * A node does not start with fewer. At rest it has some 25 files open, but Node opens a hundred when it
   * loads the program.
   */
  descriptorsLeast: 128,
  /**
   * A Master that may open fewer logs a warning at its start. With this many it can have links to 1,536 nodes
   * and 1,024 others.
   */
  descriptorsEnough: 4096,
  /**
   * Connections that wait to be accepted. With a smaller backlog, a whole cluster that comes back at once
   * waits for TCP's retry after 1 s.
   */
  listenBacklog: 4096,
  /** Bytes queued on one link before its senders are told to stop. A few messages of the largest size fit. */
  linkHighWaterBytes: 4 * MIB,
  /** A link whose sender does not stop ends at this multiple of linkHighWaterBytes. */
  linkOverflowFactor: 4,
  /** A closed link has this long to write what was sent before. */
  linkLingerMs: 1 * SECOND,
  /**
   * A link that carries nothing sends a heartbeat this often, so that a dead one is noticed within
   * linkDeadMs.
   */
  linkHeartbeatMs: 1 * SECOND,
  /** After this silence a link is dead: max(this, 2 leases) (protocol 19). */
  linkDeadMs: 5 * SECOND,
  /** The same toward drivers, because their event loop belongs to the user's program (protocol L4). */
  driverLinkDeadMs: 60 * SECOND,
  /** A file of the audit is rotated at this size, and so many files are kept. */
  auditMib: 16,
  auditFiles: 8,
  /** Tokens that may be in force, and that are listed. Each node is told all of their ids when it links. */
  tokens: 256,
  /**
   * A node looks so often for links whose credential is not in force any more, and ends them. Nothing new is
   * let in meanwhile.
   */
  credentialLookMs: 5 * SECOND,
  /** A dialer tries again after this. It doubles up to reconnectMaxMs, so that a new leader is found soon. */
  reconnectFirstMs: 20,
  reconnectMaxMs: 250,
  /**
   * The longest such wait after a wrong secret, cluster or version: none of these is mended within a second.
   */
  reconnectRefusedMaxMs: 5 * SECOND,
  /**
   * A peer that links, but ends each link at once for so long, refuses the one who dials. A Master that
   * starts does so for a moment.
   */
  reconnectEndedMs: 10 * SECOND,
  /** How long one attempt to connect may take: a host that is switched off says nothing. */
  dialMs: 1 * SECOND,

  // Actors
  /**
   * Messages that wait in one mailbox. Over it the actor takes no more (MAILBOX_FULL), so that memory stays
   * bounded.
   */
  mailboxMessages: 100_000,
  /** Messages that one actor handles before others have their turn. */
  batchMessages: 256,
  /** After this time of messages from links an actor ends its turn, because some messages are costly. */
  batchMs: 5,
  /**
   * Small messages from links between two looks at the clock, as long as so many take no longer than their
   * share of batchMs. A question, a message of envelopeUnitBytes or more, and each one after a costly one has
   * a look of its own.
   */
  batchLookMessages: 8,
  /** How long a question waits for its answer, if its asker names no time. */
  askMs: 10 * SECOND,
  /** A stop waits this long for a handler whose promise is pending, and then leaves it behind. */
  actorStopMs: 5 * SECOND,
  /** A handler that is pending for this long is logged. */
  handlerWarnMs: 10 * SECOND,
  /** Restarts of one actor in actorRestartPeriodMs before its failure escalates. */
  actorRestarts: 3,
  actorRestartPeriodMs: 10 * SECOND,
  /**
   * Questions of one link that wait for their answer, and the bytes that all of them may hold: those of
   * nodes, and those of clients, applications and drivers. Each counts openQuestionBytesEach and the texts of
   * its peer. A link has at most as much as is left, and openQuestionBytesSure in any case: three of ours.
   * Above this they are refused as BUSY.
   */
  openQuestions: 4096,
  openQuestionBytes: 16 * MIB,
  openQuestionBytesEach: 512,
  openQuestionBytesSure: 2 * KIB,
  /** A question is kept for an answer for at most this long, whatever its asker says. */
  questionKeepMs: 10 * 60 * SECOND,
  /**
   * Costly questions (states, traces) that a process answers in one window, and the time for them: a third of
   * its event loop.
   */
  questionsServed: 4,
  questionServeMs: 2,
  questionWindowMs: 6,
  /**
   * Costly questions that wait, of one link and of all. Above this the newest of the link with the most is
   * refused as BUSY, and a link with none always gets in. A larger one does not wait: it is served at once or
   * refused. Ours have some 300 bytes.
   */
  questionsWaitingEach: 32,
  questionsWaiting: 1024,
  questionWaitingBytes: 4 * KIB,
  /** Messages that each process remembers for `firesteel trace`; `tracing.ring` changes it. */
  traceRing: 10_000,
  /**
   * Bytes of the messages in a ring of that size, as they travelled; a larger ring has proportionally more.
   * Above this the oldest are forgotten. Messages of a cluster have some 300 bytes each, so only large ones
   * shorten a trace.
   */
  traceRingBytes: 16 * MIB,
  /**
   * MiB of what one Master records of itself; `tracing.record.maxBytes` changes it. A quiet cluster of ten
   * Workers fills it in some weeks.
   */
  recordingMib: 256,
  /**
   * Entries in one answer of a trace ring, and their bytes as JSON. Each step (make, read, check) takes one
   * or two milliseconds.
   */
  traceChunkEntries: 200,
  traceChunkBytes: 32 * KIB,
  /** Messages that are looked at for one such answer, wanted or not: a configured ring may hold many more. */
  traceChunkLooks: 5000,
  /** Bytes of the payload of one message in a trace. Of a larger payload only its size is shown. */
  tracePayloadBytes: 4 * KIB,
  /**
   * Rows in one page of a Master's state, and their bytes. A page takes some 0.5 ms to write, so that
   * heartbeats do not wait behind it.
   */
  statePageRows: 500,
  statePageBytes: 128 * KIB,
  /** A trace does not include a process that does not answer within this time. */
  traceAskMs: 2 * SECOND,
  /** `trace -f` asks this often. What it shows is older than this, so that all processes have reported it. */
  traceFollowMs: 500,
  /** Processes that are asked for their traces at the same time. */
  traceAsksAtOnce: 32,
  /**
   * Messages that a followed trace remembers as shown: a late second report of one is not shown as a second
   * message.
   */
  traceRemembered: 200_000,

  // Commit commit queue (protocol 4)
  /**
   * Steps that wait for their commit, and the bytes of their records. They bound the memory of a leader whose
   * store is slow.
   */
  commitQueueSteps: 10_000,
  commitQueueBytes: 64 * MIB,
  /**
   * Effects of durable writes that leave in one turn, and the time after which such a turn ends, because some
   * effects are large.
   */
  releaseEffects: 256,
  releaseMs: 5,
  /** Records of one commit, and their bytes. It holds Redis for 1 to 4 ms. */
  commitEntries: 512,
  commitBytes: 1 * MIB,
  /** One record of the store, such as a driver with its arguments and environment. */
  recordBytes: 256 * KIB,
  /** What a record holds besides its description: ids, key, digest, positions. */
  recordRestBytes: 16 * KIB,
  /**
   * Share of the heap that the records of a Master may take as JSON, each counted with recordHeapBytes more.
   * A Master holds them some four times: as objects, in its record cache, in the commit queue or the tables
   * of its files, and as rows. Above this, or above recordBytesInAll, new work is BUSY.
   */
  recordHeapShare: 1 / 8,
  recordHeapBytes: 1 * KIB,
  /** Bytes of all records, however large the heap is: a new Master reads them before it leads. */
  recordBytesInAll: 128 * MIB,
  /**
   * Where the records are full, a leader takes back only so much of what its store forgot: the writes of a
   * second at most. A peer may invent such writes.
   */
  takenBackWhenFullBytes: 4 * MIB,
  /**
   * Above this share of the heap a Master does not begin to read its store, because it would fail before the
   * end.
   */
  storeHeapShare: 1 / 5,
  /**
   * Applications that live at the same time, of one link and of all: as many as a node may have links of
   * clients. Above this a registration is BUSY. A program rarely has more than some hundreds. A state, a page
   * and a pass go through all of them in one turn: some 3 ms.
   */
  applicationsPerLink: 500,
  applications: 4096,
  /**
   * Messages of one step after which it ends no further application of peers that are gone, and no further
   * driver whose end was held. All Workers are told of each application.
   */
  endingEffects: 64,
  /** Workers and executors that one scheduling pass looks at: some 3 ms. */
  executorLooks: 50_000,
  /**
   * Executors and drivers of silent Workers, and applications that are told of them, after which a sweep
   * leaves the next silent Worker to another turn.
   */
  removedPerSweep: 500,
  /**
   * Effects of one step after which the Workers of an ended application are told in later steps: it may have
   * an executor on each core of the cluster.
   */
  killsPerStep: 500,
  /** Characters of an id or a name; of a text, such as a path, a label or a reason. */
  nameChars: 256,
  textChars: 16_384,
  /**
   * Characters of one argument or one variable: what Linux gives to a program (MAX_ARG_STRLEN), with its
   * terminator.
   */
  argumentChars: 131_071,
  /** Arguments or environment variables of one program, and options of Node. */
  arguments: 10_000,
  nodeOptions: 100,
  /** Addresses of one custom resource, and of all that a Worker offers. */
  resourceAddresses: 1024,
  resourceAddressesInAll: 4096,
  /** Records in one page that is read from a store, and their bytes, unless one record has more. */
  readPage: 512,
  readPageBytes: 1 * MIB,
  /**
   * Records in one page of which a new leader reads only the seal, or a sum over several, because it knows
   * the content; and their bytes, which Redis handles all the same, some 10 ms per MiB. A page costs the
   * leader's turn at most 4 ms, and a way to the store and back. Of more groups of records than this it does
   * not name those that changed, but compares all.
   */
  readSeals: 2048,
  readSealsBytes: 4 * MIB,
  /**
   * Records that a STANDBY keeps of what it read ahead of a hand-over, with their overhead; and for how long,
   * where it is not elected.
   */
  readAheadBytes: 64 * MIB,
  readAheadKeepMs: 10 * SECOND,
  /** A store that did not answer is tried again after this. It doubles up to storeBackoffMaxMs. */
  storeBackoffFirstMs: 20,
  storeBackoffMaxMs: 250,
  /** Longest wait between two dials of a Redis that nobody waits for, or that refuses us. */
  redisIdleBackoffMaxMs: 1 * SECOND,
  /**
   * Size of a journal at which the file engine writes a new snapshot, so that a new leader has a bounded
   * amount to read.
   */
  journalBytes: 64 * MIB,

  // Leadership and recovery (protocol 11, 19)
  /** How long a leader acts without having heard from its store; `recovery.lease` changes it. */
  leaseMs: 2.5 * SECOND,
  /** A random wait up to this spreads candidates that wait for the same lock. */
  electionJitterMs: 50,
  /** A lock server may be slower than the majority by this and still be counted. */
  slowLockServerMs: 20,
  /** A candidate whose store did not answer tries again after this. */
  electionRetryMs: 250,
  /**
   * After a leader's end its presence is counted this often and for this long, before the candidate waits for
   * the lock.
   */
  presenceLookMs: 10,
  presenceWatchMs: 300,
  /**
   * The durable records of a deposed leader are kept for this long: longer than a failover of Sentinel with
   * its default of 30 s.
   */
  recordCacheGraceMs: 60 * SECOND,
  /**
   * A leader keeps this many ends of unknown drivers, of some 300 bytes each, while their records may come
   * back. It holds as many ends of known ones, while a later generation may come to light.
   */
  keptEnds: 10_000,
  /**
   * Elections that a leader record remembers: more than there can be while a record cache is kept, even if
   * each of them fails.
   */
  pastElections: 32,
  /**
   * A peer's epoch is believed up to this much above the epoch of the store. A store can have forgotten at
   * most all elections of its cluster, which are fewer (one every five minutes for nine years). The bound
   * also keeps epochs countable: a peer that lies at every election brings them to their end after nine
   * thousand million elections.
   */
  epochRise: 1_000_000,
  /**
   * The generation of a driver, or the executor ids of an application, are believed up to this much above
   * what the store held at the election. A store can have forgotten at most all launches of that driver or
   * application, which are fewer (one a second for thirty years). The bound also keeps them countable: lies
   * at every election bring them to their end after nine million elections in which that driver or
   * application lives.
   */
  launchRise: 1_000_000_000,
  /**
   * A claim of another leadership makes a Master look at the store at most this often: four cheap scripts a
   * second.
   */
  claimLookMs: 250,
  /**
   * This long after its election a leader steps down once on the word of a peer alone, to be elected above
   * what its store has forgotten. By then all live Workers have linked to it: they dial again within 250 ms.
   */
  claimBeliefMs: 10 * SECOND,
  /**
   * A candidate that has waited `rewindPatienceMs` on the word of peers alone, or a leader that has stepped
   * down on it, does not do so again for this long. So a lie costs one failover and not many of three
   * seconds.
   */
  claimDoubtMs: 10 * 60 * SECOND,
  /** A STANDBY warms up a recovery this long after it learned of a leader: then nobody waits for it. */
  warmUpMs: 500,
  /**
   * Stored records that a new leader adds to its cluster state in one turn, and their bytes. It takes some 2
   * ms, and fits into one commit if all of them must be written again.
   */
  recoveryRecords: 500,
  recoveryRecordBytes: 512 * KIB,
  /**
   * Records of lost writes in one message and one step, so that what each of them writes fits into a commit.
   */
  lostWriteRecords: 100,
  /** Their bytes, unless one record has more. */
  lostWriteRecordBytes: 256 * KIB,
  /**
   * Messages of lost writes that are under way at once: some 1600 records in one round trip of a slow link.
   */
  lostWriteWindow: 16,
  /** Records of a record cache that are looked at in one turn, lost or not. */
  lostWriteLooks: 2000,
  /**
   * While this much waits to be written, the next part of the lost writes waits until the one before is
   * durable.
   */
  lostWriteAheadBytes: 2 * MIB,
  /**
   * A Master introduces itself this often to a Master that should dial it and has not: that one may not know
   * its address.
   */
  introduceMs: 1 * SECOND,
  /** A candidate waits this long for a Master with newer records, if the store lost its last writes. */
  rewindPatienceMs: 3 * SECOND,
  /**
   * Clean hand-over (protocol 13): time for which a leader leads on while the successor reads the records;
   * time to empty the commit queue; time for which other candidates wait; time for which the old leader stays
   * linked.
   */
  handOverReadAheadMs: 2 * SECOND,
  handOverDrainMs: 20,
  handOverHoldOffMs: 200,
  handOverLingerMs: 1 * SECOND,
  /** A leader that is in contact with too few of its Workers hands over at most this often. */
  handOverEveryMs: 60 * SECOND,
  /**
   * A new leader is ALIVE when nobody has answered for this long, and recoveryMaxMs after its election at the
   * latest.
   */
  recoveryQuietMs: 250,
  recoveryMaxMs: 1 * SECOND,
  /**
   * After so much silence a Worker is dead, and its work starts elsewhere; `scheduling.workerTimeout` changes
   * it.
   */
  workerTimeoutMs: 60 * SECOND,
  /** An application of the store that does not answer a new leader for this long has ended. */
  applicationTimeoutMs: 60 * SECOND,
  /**
   * An application whose link has been closed for this long has ended: its program may only have lost its
   * network.
   */
  applicationGraceMs: 10 * SECOND,
  /**
   * Executors that a Worker reports, and whose application the store has forgotten, wait this long for that
   * application.
   */
  adoptGraceMs: 30 * SECOND,
  /**
   * Executors and drivers live for so long without their Worker while it restarts as announced; half a
   * workerTimeout if that is less. A host that is that slow has another problem.
   */
  workerRestartMs: 30 * SECOND,
  /**
   * `firesteel restart worker` waits so long for a Worker, unless it says otherwise: the announced time, and
   * as much again for a slow start.
   */
  restartTimeoutMs: 60 * SECOND,
  /**
   * `firesteel upgrade` goes on to the next node when the cluster has been well for so long, unless it
   * says otherwise. A process that ends soon after its start stops the upgrade then, and a STANDBY has
   * finished its warm-up before the leader hands over.
   */
  upgradeMinReadyMs: 1 * SECOND,
  /** A Worker that is to restart waits so long for the leader to write that down. */
  restartNotedMs: 2 * SECOND,
  /** Extra wait before a relaunch, so that the guard of a dead Worker has finished. */
  guardMarginMs: 2 * SECOND,
  /**
   * Ids of executors are reserved in the store in blocks of this size, so that not each launch is a write.
   */
  executorIdBlock: 1000,
  /** Ended drivers, and ended applications, that a Master still shows. */
  retainedEnded: 200,
  /** How long the idempotency key of an ended driver is remembered, and how many of them. */
  keyRetentionMs: 24 * 3600 * SECOND,
  retainedKeys: 100_000,
  /**
   * Executors in a row that fail before an application ends, where no Worker can start one (Spark:
   * maxExecutorRetries).
   */
  maxExecutorRetries: 10,
  /**
   * After a launch that failed, that application or driver does not use that Worker for this long. The time
   * doubles.
   */
  launchBackoffFirstMs: 1 * SECOND,
  /** The most that it grows to: a machine that was repaired is found again within a minute. */
  launchBackoffMaxMs: 60 * SECOND,
  /**
   * An executor or driver that ran this long has started. A crash at its start comes earlier, also on a busy
   * machine.
   */
  executorStableMs: 10 * SECOND,
  /** Restarts that `--max-restarts` may allow: their times are kept in the driver's record. */
  maxRestarts: 100,
  /** Workers on which a driver ran last, whose outputs `logs` joins. */
  driverHomes: 8,
  /**
   * Bytes of the list of attempts that a Worker keeps beside the outputs of a driver: some 2,000 attempts.
   */
  attemptListBytes: 256 * KIB,
  /** What happened to a driver, as `status ID` shows it. The events are part of its record. */
  driverEvents: 20,
  driverEventChars: 300,
  /** Failed launches in a row after which a Worker is excluded: one may be chance, three are the machine. */
  launchExcludeAfter: 3,
  /**
   * An excluded Worker is not tried for this long while another one is large enough, so that a bad machine
   * costs an application little.
   */
  launchExclusionMs: 300 * SECOND,
  /** Failed Workers that the status of one application names, newest first: enough to see what is wrong. */
  shownFailedWorkers: 8,
  /**
   * Characters that are kept of a Worker's text about a failed launch, and of the path in it: status holds
   * many of them.
   */
  launchFailureChars: 500,

  // Worker
  /**
   * Cores that a Worker may offer: as many as Linux supports. Each may become an executor in a Master's
   * cluster state, and a turn of its event loop looks at all of one Worker when that is lost: some 50 ms.
   */
  workerCores: 8192,
  /**
   * Cores that all Workers together may offer: a thousand machines with 512 each. A Master holds some 600
   * bytes of each executor or driver, which takes a core at least. Above this a Worker is refused.
   */
  clusterCores: 524_288,
  /**
   * Executors and drivers beyond the cores of their Workers, of all Workers together. There are some while a
   * Worker that restarted with a smaller offer still runs what it ran. A report above this is refused.
   */
  heldBeyondCores: 8192,
  /**
   * Executors that applications hold on Workers which the store forgot and which have not come yet. What is
   * listed above this is LOST.
   */
  awaitedExecutors: 65_536,
  /** Folders in `codeRoots`: each launch looks at all of them. */
  codeRoots: 100,
  /** Names in `allowEnv`: each variable of a launch is compared with all of them. */
  allowedVariables: 1000,
  /** Processes and threads of one driver or executor, where its Worker has control groups with limits. */
  workProcesses: 8192,
  /** What the kernel keeps for a Worker and its guard, where there are control groups with limits. */
  workerReserveMib: 128,
  /**
   * What a Worker adds to `oom_score_adj` of what it starts, in thousandths of the machine's memory. When
   * memory runs out, the kernel then kills work before any node that has less than half of the memory.
   */
  workOomScoreAdj: 500,
  /**
   * Heartbeats that a Worker sends in one worker timeout: with 60 s one every 5 s. A Master looks for silent
   * Workers as often.
   */
  heartbeatsPerTimeout: 12,
  /**
   * Executors and drivers in one message of a full report, and their bytes, unless one has more with its
   * whole description. It is less than messageCountedBytes, because descriptions with many short arguments
   * have too many values.
   */
  reportItems: 500,
  reportBytes: 128 * KIB,
  // Drain
  /**
   * A drain without a deadline lasts so long: most tasks and programs end within it, and a machine that is to
   * be switched off waits no longer.
   */
  drainDeadlineMs: 3600 * SECOND,
  /** The longest time that a drain may be given: the timers of Node go no further. */
  drainDeadlineMostMs: 2_147_483_647,
  /**
   * What a Worker with `drainOnStop: true` is given after SIGTERM. systemd sends SIGKILL after 90 s, and its
   * processes need their kill grace after the deadline.
   */
  drainOnStopMs: 60 * SECOND,
  /** Workers that one request drains. */
  drainedAtOnce: 1000,
  /** The reason of a drain, as `status` shows it. */
  drainReasonChars: 300,
  /**
   * A drain of a Worker that has not come back ends so long after its deadline, so that records of machines
   * that are gone for good do not stay for ever.
   */
  drainKeepMs: 7 * 24 * 3600 * SECOND,
  // Limits of drivers
  /** The longest `timeout` of a driver: the timers of Node go no further. */
  timerMostMs: 2_147_483_647,
  /** The longest `stopGrace`: whoever needs more saves its state while it runs. */
  stopGraceMostMs: 3600 * SECOND,
  /** Characters of the path and of the line that `readiness` looks for. */
  probePathChars: 256,
  probeLineChars: 200,
  /** From one health check to the next, the least and the most; from one look for readiness to the next. */
  probeEveryMs: 10 * SECOND,
  probeLeastMs: 100,
  probeMostMs: 3600 * SECOND,
  readinessEveryMs: 250,
  /** A probe without an answer has failed after this. */
  probeTimeoutMs: 5 * SECOND,
  /** Failed health checks in a row after which a process is stopped: one may be lost to a stall. */
  probeFailures: 3,
  probeFailuresMost: 100,
  /** A driver that is told to end by SIGTERM is killed after this. */
  killGraceMs: 10 * SECOND,
  /** How often a Worker looks at the memory of what it started. */
  memoryCheckMs: 1 * SECOND,
  /** How long a Worker remembers the ends that a Master has acknowledged: a store may forget them. */
  outboxKeepMs: 10 * 60 * SECOND,
  /** A supervised driver that failed starts again after this. It doubles up to restartMaxMs. */
  restartFirstMs: 1 * SECOND,
  restartMaxMs: 60 * SECOND,
  /** A driver that ran this long before it failed starts its back-off anew. */
  restartResetMs: 5 * SECOND,
  /**
   * Failures of a supervised driver in a row, each within restartResetMs, after which it is tried on another
   * Worker: see launchExcludeAfter.
   */
  driverCrashes: 3,
  /** Output of a driver or executor goes into a new file at this size, and so many files are kept. */
  outputFileBytes: 64 * MIB,
  outputFiles: 4,
  /** The size of an output file is checked this often. */
  outputCheckMs: 1 * SECOND,
  /** A reader that follows an output file looks for more this often. */
  outputFollowMs: 100,
  /**
   * Without free file descriptors a start is tried again after this, doubling. After shortageMs it is given
   * back to the Master.
   */
  shortageFirstMs: 50,
  shortageMs: 5 * SECOND,
  /** A guard looks this often for processes that its groups have started. */
  guardScanMs: 1 * SECOND,
  /** Bytes of a line on a control pipe between two of our processes. */
  controlLineBytes: 1 * MIB,
  /** How often a Worker looks for old work folders, and how old they may grow. */
  workCleanupMs: 1800 * SECOND,
  workRetentionMs: 7 * 24 * 3600 * SECOND,
  /**
   * Folders of ended executors and drivers that a Worker keeps: as many as it still shows. The oldest are
   * removed first.
   */
  workFolders: 1000,
  /** The same of one application: executors that fail over and over must not remove the output of others. */
  workFoldersPerApplication: 100,
  /**
   * The folders are counted again after this many ends, so the numbers above are exceeded by no more than
   * that.
   */
  workCleanupEnds: 100,
  /** Ended executors, and ended drivers, that a Worker still shows (Spark's retainedExecutors). */
  retainedFinished: 1000,
  /** Characters of an executor's command, as its Worker shows it. */
  shownCommandChars: 1000,
  /** Ends that a Worker remembers, so that a repeated launch is not started again (protocol R6). */
  rememberedLaunches: 100_000,
  /** Bytes in one chunk of a log stream: 64 KiB as base64. */
  logChunkBytes: 48 * KIB,
  /**
   * Log streams that are open at one Worker. Above this the newest one of the host and the link with the most
   * ends as BUSY for a host or a link with fewer. Its reader goes on where it was, when there is a place.
   */
  logStreams: 256,
  /** Lines from the end of an output that `logs --tail` may ask for. */
  logTailLines: 100_000,
  /**
   * Logs that browsers and scripts download from a Worker at a time, and how long one may take: 2 GB at a
   * quarter of httpBytesPerSecondPerAddress. A reader that is cut off goes on with a range.
   */
  logDownloads: 8,
  logDownloadMs: 10 * 60 * SECOND,

  // Summaries of tasks
  /** A driver tells its Master of its tasks this often, while something changes. */
  summaryEveryMs: 1 * SECOND,
  /** Tasks that a summary names: the slowest, and as many of those that failed last. */
  summaryTasks: 8,
  /** Characters of the name of a function, and of an error. A summary has some KiB at most. */
  summaryNameChars: 80,
  summaryErrorChars: 300,
  /** Applications whose tasks a Master knows: those that it heard last. All together take 16 MiB at most. */
  summaryApplications: 1000,

  // Tasks
  /**
   * An executor that its driver has not heard from for this long is given up, and its tasks run elsewhere.
   */
  executorTimeoutMs: 10 * SECOND,
  /** Attempts of a task before its failure counts: three retries. */
  taskAttempts: 4,
  /**
   * A task that failed waits this long before its next attempt; the wait grows by the factor with each
   * failure, up to the longest one. `backoff` changes all four. A service that is overloaded gets a second
   * with three retries, and minutes with ten.
   */
  taskBackoffFirstMs: 100,
  taskBackoffMostMs: 30 * SECOND,
  taskBackoffFactor: 2,
  /** Share of each such wait that is random, so that tasks that failed together do not come back together. */
  taskBackoffJitter: 0.5,
  /**
   * A task that failed waits this long for an executor that has not tried it, while another has room. What
   * failed because of its host should not fail there again, but the others may be busy for hours.
   */
  retryElsewhereMs: 1 * SECOND,
  /**
   * Tasks of one map or each that have been pulled and wait for their next attempt or for their `limit`,
   * beside those under way. So neither a back-off nor a host that has its share keeps other inputs back, and
   * memory stays bounded.
   */
  mapHeldTasks: 10_000,
  /**
   * Tasks that take this long together are sent ahead to an executor. It covers the round trip, and keeps no
   * longer task waiting there.
   */
  taskPrefetchMs: 20,
  /** Tasks at one executor, however fast they end. */
  taskWindow: 4096,
  /**
   * Attempts that an executor may report as held: many windows, because results wait there while links break
   * one after the other.
   */
  heldAttempts: 64 * 4096,
  /**
   * `executor.tasksPerCore`: tasks that wait for something, such as the network, cost a thread little; more
   * of them than this are better spread over more cores.
   */
  tasksPerCore: 1024,
  /**
   * A task that has lost so many threads through others, or without a known reason, runs alone the next time.
   */
  threadLosses: 3,
  /** Bytes of inputs at one executor, besides one task that may be larger. */
  taskWindowBytes: 64 * MIB,
  /**
   * Tasks in one thread of an executor, the one that runs among them; with `tasksPerCore` as many more as run
   * beside that one. A task that has not begun is taken back when another thread idles.
   */
  threadQueue: 64,
  /** Bytes of shared memory in which a thread leaves its results, so that they outlive it. */
  threadRingBytes: 1 * MIB,
  /**
   * An executor looks this often at its running tasks, for time-outs and for results whose wake-up got lost.
   */
  threadLookMs: 10,
  /** A thread tells of the progress of its tasks this often at most, and only the newest of each. */
  taskProgressMs: 100,
  /** Characters of the text of a progress: it is for a line on a screen. */
  taskProgressTextLength: 256,
  /**
   * A cancelled or timed-out task has this long to end by its AbortSignal. Then its thread takes nothing new;
   * its other tasks have as long to end, and then it is ended.
   */
  taskAbortGraceMs: 500,
  /**
   * A thread that was told to end and has not ended after this is in a call that nothing interrupts. Its
   * executor is ended.
   */
  threadEndMs: 2 * SECOND,
  /** An executor that ends itself has this long to tell its driver why. */
  lastWordsMs: 1 * SECOND,
  /**
   * An executor that is told to end waits this long for its threads. Then it ends with everything that it
   * started.
   */
  executorExitMs: 1 * SECOND,
  /** Wait after a thread that ended before it had begun a task. It doubles. */
  threadRestartFirstMs: 100,
  /** The most that it grows to while other threads of the executor work. */
  threadRestartMaxMs: 10 * SECOND,
  /** A thread that has not begun its first task after this has failed: a slow preload takes seconds. */
  threadStartMs: 30 * SECOND,
  /**
   * Failed threads in a row, without one that works, after which the executor ends. It takes less than two
   * seconds, so that the executor counts as one that failed.
   */
  threadStartFailures: 5,
  /**
   * A module that failed to load twice in a row is tried once in this time, because each try takes a thread.
   */
  moduleRetryMs: 1 * SECOND,
  /**
   * A thread whose tasks fail with one error object, which it remembers, is replaced; the next fresh one that
   * does so not before this.
   */
  threadErrorsFirstMs: 10 * SECOND,
  /**
   * The most that it grows to, doubling, while fresh threads do no better. Then it costs a thread per core in
   * five minutes, which nobody notices.
   */
  threadErrorsMaxMs: 5 * 60 * SECOND,
  /** A task whose module cannot be loaded is tried on this many executors before that becomes its error. */
  moduleExecutors: 3,
  /** Processes that a command of `each` left behind get SIGTERM, and SIGKILL after this. */
  commandGraceMs: 1 * SECOND,
  /** Bytes of a command: Linux takes 128 KiB for one argument. */
  commandBytes: 128 * KIB - 1,
  /**
   * Output of a command above this comes in parts before its result, so that results that wait take little
   * memory.
   */
  commandInlineBytes: 1 * MIB,
  /** Output of a command above this ends it: it would fill the disk of its host. */
  commandFileBytes: 1024 * MIB,
  /** Idle slots wait this long before tasks that have not started are recalled from busier executors. */
  taskRebalanceMs: 20,
  /** Tasks of one map or each that are pulled before anything is known of their speed. */
  mapInFlightFirst: 16,
  /**
   * Keys that the `limit` of one call remembers: those with tasks, and those whose next task would be too
   * early. Above this, tasks of new keys wait.
   */
  limitKeys: 100_000,
  /**
   * A start under `perSecond` that came late, because timers and executors are late by milliseconds, is made
   * up for up to this. Otherwise high rates would never be reached.
   */
  limitCatchUpMs: 20,
  /** Results of one map or each that nobody has read yet. Above this no further input is pulled. */
  mapUnreadResults: 1024,
  /** Bytes of inputs under way and of unread results of one map or each. */
  mapBufferedBytes: 64 * MIB,
  /** A task that was running on so many executors when they died is not tried again. */
  quarantineLosses: 3,
  /** Causes of causes, and errors of an AggregateError, that travel with the error of a task. */
  errorDepth: 8,
  errorsTogether: 32,
  /** Characters of a message or a stack. */
  errorTextLength: 16 * KIB,
  /** Bytes of an error with its causes. Above this the causes are left out. */
  errorRecordBytes: 1 * MIB,
  /**
   * Bytes of the own fields of one error, such as `status`: for facts about the failure, not for what the
   * task had loaded.
   */
  errorFieldsBytes: 64 * KIB,
  /** Depth of errors in the fields of errors. */
  errorFieldDepth: 2,
  /**
   * Levels of objects inside one another in one argument or result. V8 reads a value by recursion: on the
   * stack of a main thread (984 KiB) it can read some 1,570 levels of arrays or objects, on that of a task
   * thread (4 MiB) some 6,200. So a third is left for what reads them, and for the errors inside.
   */
  valueDepth: 1000,
  /** The same in a field of an error. The error may itself be in the deepest place of a value. */
  errorValueDepth: 64,
  /** Bytes of one input, and of one result; `limits` of connect() changes them. */
  maxInputBytes: 64 * MIB,
  maxResultBytes: 64 * MIB,

  // Clients
  /**
   * An unanswered RegisterApplication or UnregisterApplication is sent again after this. Both are idempotent.
   */
  requestRepeatMs: 1 * SECOND,
  /** The state of a driver that is followed to its end is asked for this often. */
  driverPollMs: 200,
  /**
   * Whoever follows the output of a driver looks this often whether it is elsewhere now. Its Worker may be
   * cut off from the Masters, and run an old generation on.
   */
  driverMovedLookMs: 2 * SECOND,
  /**
   * Longest wait before a request that was refused for now (BUSY, STORE_*, a leader in recovery) is sent
   * again.
   */
  requestRetryMs: 100,
  /** The first such wait; it doubles. A leader recovers within tens of milliseconds. */
  requestRetryFirstMs: 10,
  /**
   * An application that has no executor for so long asks its Master why, and warns; then again after each
   * further minute. On an idle cluster the first executor comes within a second.
   */
  waitingFirstMs: 5 * SECOND,
  waitingAgainMs: 60 * SECOND,
  /**
   * An executor without a task for so long is given back, so that others can use its cores
   * (`executor.idleTimeout`). Idle executors are looked for this often, more often if the timeout is short.
   */
  idleTimeoutMs: 60 * SECOND,
  idleLookMs: 1 * SECOND,
  idleLookLeastMs: 100,
  /**
   * close() waits this long for UnregisteredApplication. Then the closed link ends the application
   * (applicationGrace).
   */
  unregisterMs: 10 * SECOND,
  /**
   * Ended executors whose ids an application remembers, so that a late ExecutorAdded does not revive them.
   */
  rememberedExecutors: 10_000,
  /** Bytes of a log that wait for a slow reader of `logs`. Above this the stream ends. */
  logBacklogBytes: 256 * MIB,
  /** An embedded cluster must be ready within this. */
  embeddedStartMs: 30 * SECOND,

  // HTTP: pages for people, probes and scrapers. No peer is authenticated there, so all bounds are small.
  /**
   * Connections in all, and of one address: far more than probes and browsers hold, far fewer than links
   * need.
   */
  httpConnections: 128,
  httpConnectionsPerAddress: 32,
  /** The connections have at most this share of the file descriptors of the process. */
  httpDescriptorShare: 1 / 8,
  /** Connections that wait to be accepted. */
  httpBacklog: 128,
  /**
   * Requests that begin in a second, of one address and in all. Further ones wait, and no more wait than
   * there are connections.
   */
  httpRequestsPerSecondPerAddress: 100,
  httpRequestsPerSecond: 400,
  /**
   * Bytes of answers in a second, of one address and in all. The rest of the event loop's time is for the
   * Master's own links.
   */
  httpBytesPerSecondPerAddress: 16 * MIB,
  httpBytesPerSecond: 64 * MIB,
  /** A refused client is told to wait this long. */
  httpRetryAfterSeconds: 1,
  /** Work on HTTP in one turn of the event loop. Then everything else has a turn. */
  httpSliceMs: 5,
  /** Bytes that one connection parses at once: a few dozen of the shortest requests. */
  httpFeedBytes: 1 * KIB,
  /** Bytes that are read from a connection before it has to wait. */
  httpUnreadBytes: 64 * KIB,
  /** The head of a request, and its body. */
  httpHeadBytes: 8 * KIB,
  httpBodyBytes: 64 * KIB,
  /** From the first byte of a request to its last. */
  httpRequestMs: 5 * SECOND,
  /** Between two requests on one connection. */
  httpIdleMs: 5 * SECOND,
  /** For an answer: without progress, and in all. */
  httpStallMs: 5 * SECOND,
  httpAnswerMs: 30 * SECOND,
  /**
   * Making a page takes at most one part in so many of the event loop, however often it is asked for. A page
   * is no older than httpPageMaxAgeMs.
   */
  httpPageShare: 20,
  httpPageMaxAgeMs: 2 * SECOND,
  /** Bytes of pages that slow readers keep. Above this the connections of the oldest ones end. */
  httpTextBytes: 64 * MIB,
  /** Bytes of the pieces in which a page is made and sent. */
  httpChunkBytes: 64 * KIB,

  // Pages for people
  /** A view of the node that all readers of pages share is taken anew after this at the earliest. */
  pageFreshMs: 250,
  /** Pages that are kept for readers who ask at the same time. Others are made for each of them. */
  pageTexts: 64,
  /** Characters of the path and query of a page, for its stream. A head of a request has room for it. */
  pageTargetChars: 2048,
  /** Rows of a list on one page: as many as people look through, and some milliseconds of making them. */
  pageRows: 50,
  /** Open pages are looked at, and what has changed is sent, this often. */
  pageLiveMs: 1 * SECOND,
  /**
   * Streams of open pages, in all: half of httpConnections, so that probes always find a connection. A page
   * without a stream asks again every few seconds. A hidden page has no stream.
   */
  pageStreams: 64,
  /** A stream ends after this, within httpAnswerMs, and its browser opens the next one after pageRetryMs. */
  pageStreamMs: 25 * SECOND,
  pageRetryMs: 500,

  /**
   * A ticket opens a session within this. It must outlast the copy of a link by hand, and a failover: an open
   * page has a ticket for each other Master, which is made anew with each stream.
   */
  pageTicketMs: 2 * 60 * SECOND,
  /** Tickets that a node takes within pageTicketMs. It remembers each, so that none is taken twice. */
  pageTickets: 1024,
  /** A session ends after this, wherever it went on: a working day. */
  pageSessionMs: 12 * 60 * 60 * SECOND,
  /** A change that a page asks for waits this long for a leader. Somebody looks at the page meanwhile. */
  pageChangeMs: 10 * SECOND,
  /** Characters of a ticket or a session. Ours have some 250; longer ones are not looked at. */
  pageTokenChars: 1024,

  // Nodes
  /**
   * A node that has failed ends within this. Half of the time is for writing its log. Everything else that it
   * waits for is left to the kernel and to its guard.
   */
  nodeEndMs: 800,

  // Code
  /** Bytes of the files of one code, unless `--code-limit` or `limits.maxCodeBytes` say otherwise. */
  codeBytes: 256 * MIB,
  /** Files of one code. A project with its production dependencies has some thousands. */
  codeFiles: 20_000,
  /** Folders of one code. Each is made at each Worker. A project has fewer folders than files. */
  codeFolders: 20_000,
  /** Bytes of one manifest: codeFiles lines of hash, size and a path of ordinary length. */
  codeManifestBytes: 16 * MIB,
  /**
   * Bytes of the manifests that a Worker is being brought, by clients and by nodes each, and of different
   * ones that it gives to others: two of the largest, or a hundred ordinary ones. In memory each byte of them
   * costs about four. Above this, a peer that brings one is told to try again later, and of those that are
   * given to others, the links of the one that has been in use for longest are ended.
   */
  codeManifestsBytes: 32 * MIB,
  /** Characters of a path in a manifest, and bytes of one part of it: what file systems take. */
  codePathChars: 1024,
  codeNameBytes: 255,
  /** MiB of all code that a Worker keeps; `code.maxBytes` changes it. Code in use is kept above it. */
  codeCacheMib: 4096,
  /** Code that nothing has used for this long is removed. */
  codeKeepMs: 7 * 24 * 3600 * SECOND,
  /**
   * Code that was used or came within this is never removed: what was sent for a submission must be there
   * when the submission follows.
   */
  codeGraceMs: 600 * SECOND,
  /** The cache of a Worker is looked through this often, and when new code has come. */
  codeCollectMs: 600 * SECOND,
  /** Nodes that must hold the code of a submission before it is acknowledged, if there are so many. */
  codeHolders: 2,
  /** Codes that a Worker names in one message. */
  codesPerMessage: 1000,
  /** Codes of one Worker that a Master knows, and that a Worker keeps: a new one each minute of a week. */
  codesHeld: 10_000,
  /** The same of all Workers together, of some 200 bytes each. A Master does not learn of further ones. */
  codesHeldInAll: 500_000,
  /** A submitter tries for this long to bring its code to Workers. */
  codeSendMs: 600 * SECOND,
  /** Without a byte for this long, a transfer of code is given up, and another source is tried. */
  codeStallMs: 20 * SECOND,
  /** A manifest that is not whole by then is given up, though it drips: others wait who bring the same. */
  codeManifestMs: 300 * SECOND,
  /** Addresses of Workers that hold a code, in one message. */
  codeSources: 8,

  // Launcher
  /** A node that died is started again after this. It doubles up to launcherRestartMaxMs. */
  launcherRestartFirstMs: 100,
  launcherRestartMaxMs: 5 * SECOND,
  /** A node that ran this long before it died is restarted at once: a crash at its start comes earlier. */
  launcherStableMs: 10 * SECOND,
  /**
   * How long commands and connect() wait for an ALIVE Master; `--master-timeout` and `masterTimeout` change
   * it.
   */
  masterTimeoutMs: 30 * SECOND,
  /**
   * `up --detach` waits this long for a Master whose store does not answer, if --master-timeout does not say
   * how long. A store that is started in the same script is there by then.
   */
  detachPatienceMs: 3 * SECOND,
  /** A node that is told to stop has this long; then it ends with all that it has started. */
  stopGraceMs: 15 * SECOND,
  /**
   * A node waits so long for the process that was this node before, and still has its port: its launcher was
   * killed, so it has stopGraceMs to stop by itself.
   */
  leftoverNodeMs: 20 * SECOND,

  /** Nodes of one launcher that the Masters know, and launchers that one Master knows. */
  launcherNodes: 1000,
  launchers: 1000,
  /**
   * Bytes of what one launcher says of its nodes, as JSON, and of all that say more than launcherSureBytes.
   * Above this a launcher is not known, and the log of the leader says so. What is smaller is always taken,
   * so that large ones keep no other out. A thousand nodes have some 50 KiB.
   */
  launcherBytes: 128 * KIB,
  launcherSureBytes: 8 * KIB,
  largeLaunchersBytes: 8 * MIB,
  /**
   * An asker of an earlier release gets all launchers in one answer, up to so many bytes. Others get pages of
   * statePageBytes.
   */
  launchersAtOnceBytes: 448 * KIB,
  /** A node that is started or restarted by an order must be ready within this. */
  orderedNodeMs: 60 * SECOND,
  /** A command waits so long for a launcher that has no link to the leader: it may be dialling a new one. */
  launcherPatienceMs: 10 * SECOND,

  // Deployments
  /** Characters of a deployment file that is applied: its record holds it. */
  deploymentChars: 128 * KIB,
  /** Deployments that the history keeps with their files. */
  deploymentsKept: 50,
  /** Submissions of one deployment file that `apply` compares. */
  deploymentSubmissions: 1000,
  /** A new leader waits so long for the link of an apply that was at work, before another may begin. */
  applyHolderGraceMs: 3 * SECOND,

  // Logs
  /** A repeated complaint about one peer is logged once, and then as a count at this interval. */
  logRepeatMs: 10 * SECOND,
  logRepeatKeys: 1000,
} as const
