import type { ErrorName } from './errors.js'

/* What each error mostly comes from, for `firesteel explain CODE` and docs/errors.md. Whole sentences. */

export const errorCauses: Readonly<Record<ErrorName, string>> = {
  // Usage and configuration
  USAGE: 'An option or argument is misspelt, missing, doubled or out of its range.',
  CONFIG_UNREADABLE:
    'The path is wrong, this user may not read it, or the YAML is broken at the place named.',
  CONFIG_UNKNOWN_KEY: 'A key is misspelt or stands in the wrong section.',
  CONFIG_INVALID: 'A value has the wrong type, the wrong unit, or is out of its range.',
  CONFIG_CONFLICT: 'Two settings were changed apart from each other.',
  SECRET_MISSING:
    'The command runs in another folder than the cluster, and FIRESTEEL_SECRET is not set there.',
  TOKEN_INVALID: 'A part of the token was lost in a copy, or the token was made for a shorter time.',
  TOKEN_IN_USE:
    'A token was copied to two machines, or a Worker came to another address before its silence was over.',
  SECRET_TOO_SHORT: 'The variable holds a placeholder, or a part of the secret was lost in a copy.',
  CERTIFICATE_INVALID:
    'A file is another one than it was meant to be, or certificate and key were replaced apart.',
  NOT_IN_RELEASE: 'The file was written for a later release.',
  ALREADY_UP: 'The launcher of this folder still runs, perhaps detached.',
  PORT_IN_USE: 'An earlier node still runs, or another program has the port.',
  LISTEN_FAILED: 'The host is not of this machine, or the port is below 1024.',
  ADDRESS_INVALID: 'The scheme or the port is missing.',
  MAIN_NOT_FOUND: 'The path is relative to another folder.',
  PATH_NOT_FOUND: 'The path is misspelt, or relative to another folder.',
  OTLP_MISSING: 'The packages were never installed beside Firesteel, or an update removed them.',
  TRACE_FILE_INVALID: 'The file is another one, was cut off, or was edited.',
  RECORDING_INVALID: 'The file was changed, it lost lines, or it is another one.',
  RECORDING_OTHER_RELEASE:
    'The Master that recorded has been upgraded since, or the recording is from elsewhere.',
  RECORDING_LACKS_INPUT: 'The number stands in another segment, or the recording was cut off before it.',
  REPLAY_DIFFERS:
    'A Master decided by something that is not recorded, or the state that a segment begins with is not whole.',
  // Connections and handshakes
  SECRET_WRONG: 'The secret was changed on one side only, or this is the secret of another cluster.',
  CREDENTIAL_ENDED:
    'The time of the token is over, somebody revoked it, or a driver moved to another Worker while its process was cut off.',
  CLUSTER_MISMATCH: 'Two clusters share an address list, or the name was changed on one side only.',
  VERSION_UNSUPPORTED: 'An upgrade left out a release, or one side was not upgraded.',
  HANDSHAKE_FAILED: 'Another program listens there, the network is slow, or the peer ended.',
  TLS_MISMATCH:
    'security.tls was added to some nodes only, or this client does not know the CA of the cluster.',
  CERTIFICATE_REFUSED:
    'A certificate has expired, is of another CA, or does not have the host by which its owner is dialled.',
  REPORT_TOO_LARGE: 'A Worker says false things, or has come back several times with ever smaller offers.',
  FRAME_INVALID: 'Another program connected to the port, or the bytes were altered on the way.',
  MESSAGE_TOO_LARGE: 'A description, an environment or a list is very large.',
  // Leadership and requests
  NO_MASTER:
    'No Master runs at these addresses, an election has no majority of lock servers, or the store does not answer.',
  NOT_LEADER: 'The leadership moved between two messages.',
  OUTCOME_UNKNOWN: 'The leader was killed, or cut from its store, after it had sent the write.',
  RECORD_TOO_LARGE: 'Arguments, environment or labels hold data that belongs into a file.',
  HEAP_TOO_SMALL: 'Many drivers and applications are kept, and the Master got little memory.',
  DESCRIPTORS_TOO_FEW: 'The limit of open files of this user or service is low.',
  REQUEST_INVALID: 'A program of another release, or not ours, made the request.',
  BUSY: 'Very many requests came at once, or the store is slow.',
  STORE_FULL: 'The disk, or the maxmemory of Redis, is full.',
  STORE_UNAVAILABLE: 'Redis is down, restarts, or is cut off.',
  STORE_UNREADABLE: 'Another program wrote there, or a disk lost bytes.',
  STORE_DENIED: 'The password was changed, or the ACL lacks a command.',
  STORE_UNSUITABLE: 'Redis may evict keys, or does not write to disk.',
  STORE_FAILED: 'The disk has an error or was removed.',
  SUBMISSION_LOST: 'The store lost its newest writes, and no Master that knew of it is left.',
  KEY_REUSED: 'A program makes its keys from too little of what it submits.',
  STALE_EPOCH: 'A Master that was frozen or cut off went on for a moment.',
  UNKNOWN_ID: 'It is misspelt, of another cluster, or ended so long ago that it is forgotten.',
  NOT_ALLOWED:
    'A token of a lesser role, or work of another token. Or it has ended, is being killed, or is not supervised.',
  NO_ROOM: 'Two launches met on one Worker after a failover.',
  // Actors and asks
  ASK_TIMEOUT: 'The peer is overloaded, frozen or cut off.',
  ACTOR_STOPPED: 'Its process or its leadership has ended.',
  MAILBOX_FULL: 'Messages come faster than the actor handles them.',
  LINK_CLOSED: 'The peer ended or restarted, or the network broke.',
  // Applications and tasks
  APPLICATION_FAILED:
    'Executors end at once on every Worker: a missing module, path or folder, or too little memory.',
  APPLICATION_KILLED: 'Somebody used `firesteel kill` or a page. `firesteel explain ID` says who.',
  APPLICATION_CLOSED: 'The program called close(), or ended, while calls were under way.',
  TASK_FAILED: 'The function of the task threw.',
  CALLBACK_FAILED: 'The function has a defect, or returns a promise where a value is wanted.',
  TASK_TIMEOUT: 'The task waits for something, or its machine is busy.',
  TASK_CANCELLED: 'The program aborted its signal, or another task of the call failed.',
  TASK_QUARANTINED: 'The task uses too much memory, calls process.exit, or crashes in native code.',
  TASK_OUTCOME_UNKNOWN: 'Its Worker was lost, or another task ended its executor.',
  TASK_MODULE_NOT_FOUND: 'The program was not copied to that machine, or lies at another path there.',
  CODE_TOO_LARGE: 'Data, logs or results lie beside the program, or there is no package.json near it.',
  CODE_UNREADABLE: 'A file belongs to another user, or a link leads out of the folder.',
  CODE_MODULE_MISSING: 'npm install did not run since package.json was changed.',
  CODE_INVALID: 'A disk gives other bytes than were written, or a peer is no Firesteel.',
  CODE_CHANGED: 'A build ran, or somebody edited files, while the application began.',
  CODE_MISSING: 'The Workers that held it are gone, or a firewall lets nothing through between Workers.',
  CODE_NATIVE: 'The cluster has machines of several kinds, or another version of Node.js.',
  CODE_NOT_HELD: 'The submission was made without `firesteel submit`, or Workers were lost meanwhile.',
  CODE_NOT_SENT: 'A firewall stands between this machine and the Workers, or their disks are full.',
  TASK_MODULE_TYPESCRIPT: 'That machine has an older Node than this one.',
  TASK_MODULE_FAILED: 'The module throws when it is imported, or one of its dependencies is missing there.',
  TASK_NOT_A_FUNCTION: 'The name is misspelt, or the function is not exported.',
  NOT_IN_TASK: 'The call runs in a timer or event that the task does not await.',
  INPUT_NOT_CLONEABLE: 'It holds a function, a class with private fields, a stream or a handle.',
  INPUT_TOO_LARGE: 'A whole data set is sent instead of its place.',
  RESULT_NOT_CLONEABLE: 'It holds a function, a class with private fields, a stream or a handle.',
  RESULT_TOO_LARGE: 'A whole data set is returned instead of its place.',
  COMMAND_FAILED: 'The program found an error in its input or its surroundings.',
  DRIVER_FAILED: 'It threw, was killed, or lost its Worker. `firesteel explain ID` says which.',
  FOLDER_MISSING: 'The folder exists on this machine only, or is not mounted there.',
  CODE_NOT_ALLOWED: 'The code travels with the program, or was not installed on that machine.',
  ENV_NOT_ALLOWED: 'The whole environment was passed on, or the Worker has `codeRoots` and no `allowEnv`.',
  RUN_AS_REFUSED: 'The Worker does not run as root, or Firesteel lies in a folder that is closed to others.',
  // HTTP
  HTTP_REFUSED: 'The page was opened under another name, or another site made the request.',
  HTTP_BUSY: 'A program keeps connections open, or very many readers came.',
  HTTP_OFF: 'Its `web` is false in the deployment file, or it was started with --no-web.',
  HTTP_NOT_FOUND: 'The path is misspelt, or of another node.',
  // Machine
  DISK_FULL: 'Outputs, a store or another program filled it.',
  FILE_DENIED: 'The file belongs to another user, or its disk is mounted read-only.',
  FOLDER_UNTRUSTED: 'The command runs in a shared folder, or as another user than the cluster.',
  FOLDER_IN_USE: 'Two `firesteel cert` ran at once, and one of them was stopped or is very slow.',
  FILE_UNREADABLE: 'A program removes or locks files there at the same time.',
  APPLY_REFUSED:
    'The store, the secret, the name of the cluster or the addresses of all Masters are others in the file, or nodes exchange their ports.',
  APPLY_RUNS: 'Two people or two pipelines deploy at the same time.',
  APPLY_OVERTAKEN:
    'Two people or two pipelines deploy at the same time, or the link of this one was cut for a while.',
  NODE_NOT_READY: 'Its port is taken, its store is away, or it cannot reach the Masters.',
  LAUNCHER_AWAY: 'The launcher was stopped, or its machine is cut off; its nodes may run all the same.',
  UPGRADE_STOPPED:
    'A node does not become ready with the other release, or a Master or Worker was not well before the next step.',
  FINISH_REFUSED: 'A Master still runs the release before, or is not linked to the leader.',
  RESTART_REFUSED:
    'No leader could write down that it restarts, the disk is full, its guard was just killed, or it is stopping.',
  SPAWN_FAILED: 'The program is missing or not executable, or the machine has no memory or processes left.',
  INTERNAL: 'Firesteel met a state that its authors did not expect.',
}
