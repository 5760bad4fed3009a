import { pageReaders, readers } from '../../http/readers.js'
import { limits } from '../../limits.js'
import { formatMemory } from '../../units.js'
import * as z from '../../zod.js'
import {
  address,
  duration,
  hostName,
  hostPort,
  httpUrl,
  label,
  memory,
  nodeName,
  port,
  redisUrl,
  webPort,
} from './scalars.js'

/*
 * The deployment file, key by key. The descriptions become docs/configuration.md and the JSON Schema.
 * resolve.ts fills in defaults that depend on the machine or on other keys.
 */

const resources = z.record(label, z.array(z.string().min(1).max(256)).min(1).max(1024))

const codeRoots = z.array(z.string().min(1)).max(limits.codeRoots)

const tls = z
  .strictObject({
    ca: z.string().min(1).optional().meta({
      description: 'File with the certificates (PEM) of who signed theirs. Default what Node trusts.',
    }),
    cert: z.string().min(1).optional().meta({ description: 'File with our own certificate (PEM).' }),
    key: z.string().min(1).optional().meta({ description: 'File with its key (PEM).' }),
    servername: z.string().min(1).optional().meta({ description: 'Name that their certificates have.' }),
  })
  .meta({
    description: 'TLS to the Sentinels and the data servers; `{}` trusts what Node trusts. Default none.',
  })

const sentinel = z
  .strictObject({
    name: z.string().min(1).meta({ description: 'Name of the primary, as Sentinel knows it.' }),
    hosts: z.array(hostPort).min(1).max(64).meta({ description: 'host:port of the Sentinels.' }),
    username: z.string().min(1).optional().meta({ description: 'User of the data servers (ACL).' }),
    password: z
      .string()
      .min(1)
      .optional()
      .meta({ description: `Password of the data servers, best as "\${NAME}".` }),
    db: z.int().min(0).max(999_999).optional().meta({ description: 'Database of the data. Default 0.' }),
    tls: tls.optional(),
    sentinelUsername: z.string().min(1).optional().meta({ description: 'User of the Sentinels.' }),
    sentinelPassword: z
      .string()
      .min(1)
      .optional()
      .meta({ description: `Password of the Sentinels, best as "\${NAME}".` }),
  })
  .meta({ description: 'Redis found through Sentinel, instead of `redis`.' })

const recovery = z
  .strictObject({
    mode: z
      .enum(['NONE', 'FILESYSTEM', 'REDIS', 'CUSTOM'])
      .optional()
      .meta({ description: 'Where the state that survives a Master is kept. Default NONE.' }),
    redis: redisUrl.optional().meta({
      description: 'REDIS: the data, and the lock unless `election` is set. One of this and `sentinel`.',
    }),
    sentinel: sentinel.optional(),
    election: z
      .array(redisUrl)
      .min(1)
      .max(15)
      .optional()
      .meta({ description: 'REDIS: an odd number of independent servers for the lock alone.' }),
    lease: duration.optional().meta({
      description: `How long a leader acts without having heard from the store; at least 1s. Default ${limits.leaseMs / 1000}s.`,
    }),
    replicas: z
      .int()
      .min(0)
      .max(100)
      .optional()
      .meta({ description: 'REDIS: replicas that must have a commit. Default 0.' }),
    directory: z.string().min(1).optional().meta({
      description:
        'FILESYSTEM: folder on a local or network disk, from the folder of this file. CUSTOM: given to the module. Default ./state.',
    }),
    module: z.string().min(1).optional().meta({
      description: 'CUSTOM: module that exports createPersistenceEngine and createLeaderElectionAgent.',
    }),
  })
  .meta({ description: 'What a new Master finds of the old one.' })

const webHost = hostName.optional().meta({
  description: 'Address on which its HTTP listens, if it is not that of the actors. Default `host`.',
})

const master = z.strictObject({
  name: nodeName.optional().meta({ description: 'Name of the node. Default m1, m2, ...' }),
  host: hostName.optional().meta({ description: 'Address to listen on. Default 127.0.0.1.' }),
  port: port.optional().meta({ description: 'Port of the actors; 0 is any free one. Default 7070.' }),
  web: webPort.optional().meta({
    description: 'Port of its HTTP: pages, /json/, /metrics and probes; false: it has none. Default 8080.',
  }),
  webHost,
  rest: port.optional().meta({ description: 'Port of the REST gateway. Not listened on unless set.' }),
  advertise: hostName
    .optional()
    .meta({ description: 'Host name under which others reach it. Default `host`.' }),
})

const worker = z.strictObject({
  name: nodeName.optional().meta({ description: 'Name of the node. Default w1, w2, ...' }),
  host: hostName.optional().meta({ description: 'Address to listen on. Default 127.0.0.1.' }),
  port: port.optional().meta({ description: 'Port of the actors; 0 is any free one. Default 0.' }),
  web: webPort.optional().meta({
    description:
      'Port of its HTTP; false: it has none. Default 8081 for the first Worker of a host, else any free one.',
  }),
  webHost,
  cores: z
    .int()
    .min(1)
    .max(limits.workerCores)
    .optional()
    .meta({ description: 'Cores to offer. Default all of the machine; Workers of one host share them.' }),
  memory: memory.optional().meta({
    description:
      'Memory to offer. Default that of the machine less 1g, at least half of it; Workers of one host share it.',
  }),
  resources: resources
    .optional()
    .meta({ description: 'Custom resources to offer: name and addresses, such as gpu: ["0", "1"].' }),
  labels: z
    .record(label, z.string().max(256))
    .optional()
    .meta({ description: 'Labels of this Worker, shown by status. Drivers and executors may ask for them.' }),
  advertise: hostName
    .optional()
    .meta({ description: 'Host name under which others reach it. Default `host`.' }),
  drainOnStop: z
    .union([z.boolean(), duration])
    .optional()
    .meta({
      description: `Drain it when it is told to stop (SIGTERM): it ends when nothing is left, or after this time; true is ${limits.drainOnStopMs / 1000}s. Default false.`,
    }),
  noNewPrivileges: z.boolean().optional().meta({
    description:
      'What it runs gains no privileges: programs such as sudo have only those of their caller. It needs the program setpriv. Default true.',
  }),
  codeRoots: codeRoots.optional().meta({
    description: 'Folders whose code alone this Worker runs. Default `code.roots`.',
  }),
  allowEnv: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*\*?$/, 'must be a name, or the beginning of names and *'))
    .max(limits.allowedVariables)
    .optional()
    .meta({
      description:
        'Environment variables that work may bring, such as LANG or `APP_*`. Default: all, or with `codeRoots` only LANG, `LC_*`, TZ, NO_COLOR and FORCE_COLOR.',
    }),
  cgroup: z
    .union([z.literal(false), z.string().regex(/^\//, 'must be an absolute path, or false')])
    .optional()
    .meta({
      description:
        'Folder of cgroup v2 in which the work of this Worker gets control groups, such as /sys/fs/cgroup/firesteel; false: none. Default: the group of the Worker, where it may.',
    }),
  runAs: z.string().min(1).max(limits.nameChars).optional().meta({
    description:
      'User that its work runs as, by name or number. The Worker must be root for that. Default: the user of the Worker.',
  }),
})

const nodeTls = z
  .strictObject({
    ca: z.string().min(1).meta({
      description: 'File with the certificates (PEM) of the CAs whose nodes and clients are trusted.',
    }),
    cert: z.string().min(1).meta({
      description:
        'File with the certificate (PEM) of the node, which has the hosts by which it is dialled; then those between it and the CA.',
    }),
    key: z.string().min(1).meta({ description: 'File with its key (PEM), not encrypted.' }),
    crl: z.string().min(1).optional().meta({
      description: 'File with the revocation lists (PEM) of all these CAs. Default: nothing is revoked.',
    }),
  })
  .meta({
    description:
      'TLS on every connection of nodes, clients and HTTP. Paths begin at the file, or name credentials of this process. The files are read again when they change. Default none.',
  })

const audit = z
  .strictObject({
    directory: z.string().min(1).meta({
      description:
        'Folder for the files, `CLUSTER-NODE.jsonl` of each node, which only its user may read. Relative paths begin at the file.',
    }),
    maxBytes: memory.optional().meta({
      description: `A file is rotated at this size. Default ${formatMemory(limits.auditMib)}.`,
    }),
    files: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .meta({ description: `Files of each node that are kept. Default ${limits.auditFiles}.` }),
  })
  .meta({ description: 'Nodes write down who did what, and what was refused. Default: they do not.' })

const security = z
  .strictObject({
    secret: z.string().optional().meta({
      description: `The secret from the environment, as "\${NAME}"; a literal is refused. At least 32 bytes.`,
    }),
    file: z.string().min(1).optional().meta({
      description:
        'File that holds the secret, or the token of the one Worker of a machine, from the folder of this file, or the name of a credential of this process.',
    }),
    tls: nodeTls.optional(),
    audit: audit.optional(),
  })
  .meta({
    description:
      'The secret of the cluster, TLS, and the audit. Without a secret FIRESTEEL_SECRET, else the credential `secret` of this process, else .firesteel/secret, which `up` makes.',
  })

const scheduling = z
  .strictObject({
    spreadOut: z
      .boolean()
      .optional()
      .meta({ description: 'Spread the executors of an application over many Workers. Default true.' }),
    defaultCores: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'Cores of an application that names none. Default unlimited.' }),
    workerTimeout: duration.optional().meta({
      description: `Silence after which a Worker is dead; at least 4 leases. Workers live by that of the leader. Default ${limits.workerTimeoutMs / 1000}s.`,
    }),
    orphanGrace: duration.optional().meta({
      description:
        'What a Worker runs lives on for so long after its process died, and its drivers start elsewhere then. The longer one of Master and Worker counts. Default 0s.',
    }),
    relaunchOnRefused: z.boolean().optional().meta({
      description:
        'Count a Worker as dead when its port refuses a connection three times. Turn this off if a firewall forges refusals. Default true.',
    }),
    maxExecutorRetries: z
      .int()
      .min(-1)
      .max(1_000_000)
      .optional()
      .meta({
        description: `End an application after so many failed executors in a row, if no Worker that is large enough can start one; -1 is never. Default ${limits.maxExecutorRetries}.`,
      }),
  })
  .meta({ description: 'How work is placed and when it is moved.' })

const submission = z.strictObject({
  name: nodeName.meta({ description: 'Name of the driver.' }),
  main: z.string().min(1).meta({ description: 'Program, from the folder of this file.' }),
  args: z.array(z.string()).optional().meta({ description: 'Its arguments.' }),
  cores: z.int().min(1).max(limits.workerCores).optional().meta({ description: 'Its cores. Default 1.' }),
  memory: memory.optional().meta({ description: 'Its memory. Default 1g.' }),
  resources: z
    .record(label, z.int().min(1))
    .optional()
    .meta({ description: 'Custom resources it needs, such as gpu: 1.' }),
  on: z
    .record(label, z.string().max(256))
    .optional()
    .meta({ description: 'Labels that its Worker must have, such as zone: a.' }),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a name of an environment variable'),
      z.string(),
    )
    .optional()
    .meta({ description: 'Its environment.' }),
  supervise: z
    .boolean()
    .optional()
    .meta({ description: 'Start the driver again when it fails. Default false.' }),
  maxRestarts: z.int().min(0).max(limits.maxRestarts).optional().meta({
    description: 'A supervised driver that fails more often than this has FAILED. Default: no limit.',
  }),
  restartWindow: duration
    .optional()
    .meta({ description: 'Only failures within this time count for maxRestarts. Default: all.' }),
  timeout: duration.optional().meta({
    description: 'A process of it that runs longer is told to end, and has failed. Default: no limit.',
  }),
  stopSignal: z
    .enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])
    .optional()
    .meta({ description: 'The signal that tells it to end. Default SIGTERM.' }),
  stopGrace: duration.optional().meta({
    description: `From this signal to SIGKILL, at most ${limits.stopGraceMostMs / 3_600_000}h. Default ${limits.killGraceMs / 1000}s.`,
  }),
  readiness: z
    .strictObject({
      port: z
        .int()
        .min(1)
        .max(65_535)
        .optional()
        .meta({ description: 'A port that it opens on its machine.' }),
      path: z.string().min(1).optional().meta({
        description: 'With `port`: a path that then answers over HTTP with 200 to 399, such as /ready.',
      }),
      line: z.string().min(1).optional().meta({ description: 'Or a part of a line that it prints.' }),
    })
    .optional()
    .meta({
      description:
        'How it says that it can be relied on: a port, an HTTP path or a line of output. In a drain the next driver of its Worker moves when it is ready.',
    }),
  healthcheck: z
    .strictObject({
      port: z
        .int()
        .min(1)
        .max(65_535)
        .meta({ description: 'A port that takes connections while it is well.' }),
      path: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'A path that answers over HTTP with 200 to 399.' }),
      every: duration
        .optional()
        .meta({ description: `Time between two looks. Default ${limits.probeEveryMs / 1000}s.` }),
      failures: z
        .int()
        .min(1)
        .max(limits.probeFailuresMost)
        .optional()
        .meta({
          description: `Failures in a row after which its process is stopped, and has failed. Default ${limits.probeFailures}.`,
        }),
    })
    .optional()
    .meta({
      description: 'How its Worker sees that it is well, once it is ready. Default: it does not look.',
    }),
  onIsolation: z.enum(['run', 'stop']).optional().meta({
    description:
      'What the driver does when its Worker loses contact with its Masters: run on, or stop. Default run.',
  }),
})

const logging = z
  .strictObject({
    level: z.enum(['error', 'warn', 'info', 'debug']).optional().meta({ description: 'Default info.' }),
    format: z
      .enum(['json', 'text'])
      .optional()
      .meta({ description: 'One JSON object a line, or text for people. Default json.' }),
  })
  .meta({ description: 'What the nodes write to standard error.' })

const tracing = z
  .strictObject({
    ring: z
      .int()
      .min(0)
      .max(10_000_000)
      .optional()
      .meta({ description: `Messages that each process remembers for traces. Default ${limits.traceRing}.` }),
    otlp: httpUrl.optional().meta({
      description: 'OpenTelemetry collector that takes the spans of nodes: OTLP over HTTP. Default none.',
    }),
    record: z
      .strictObject({
        directory: z.string().min(1).meta({
          description:
            'Folder for the recordings. Each Master has a folder in it, which only its user may read. Relative paths begin at the file.',
        }),
        maxBytes: memory.optional().meta({
          description: `Of one Master's recording; the oldest part goes first. Default ${formatMemory(limits.recordingMib)}.`,
        }),
      })
      .optional()
      .meta({
        description:
          'Masters record what reaches them and what they decide, for `firesteel replay`. Default: they do not.',
      }),
  })
  .meta({ description: 'The trace of messages between actors.' })

const code = z
  .strictObject({
    cache: z.string().min(1).optional().meta({
      description:
        'Folder for the code that Workers fetch; each Worker has a folder in it. Relative paths begin at the file. Default: in the work folder of the Worker.',
    }),
    maxBytes: memory.optional().meta({
      description: `Of all code that one Worker keeps; what nothing uses goes first. Default ${formatMemory(limits.codeCacheMib)}.`,
    }),
    inPlace: z.boolean().optional().meta({
      description:
        'Use code where it lies if the Worker sees the same files as the driver. With false, work always has a copy of its own, which later edits do not touch. Default true.',
    }),
    roots: codeRoots.optional().meta({
      description:
        'Folders whose code alone the Workers of this file run: nothing travels then, and command lines are refused. Relative paths begin at the file. Default: any code.',
    }),
  })
  .meta({ description: 'The code of drivers and tasks, which travels to the Workers.' })

const whoReads = z.enum(readers)

const monitoring = z
  .strictObject({
    metrics: whoReads.optional().meta({ description: 'Who reads /metrics. Default everyone.' }),
    probes: whoReads
      .optional()
      .meta({ description: 'Who reads /healthz, /readyz and /leader. Default everyone.' }),
    pages: z.enum(pageReaders).optional().meta({
      description:
        'Who reads everything else, such as the pages, outputs and /json/: programs of the same machine (loopback), or nobody. Default loopback.',
    }),
  })
  .meta({
    description:
      'Who may read HTTP without a login: everyone who reaches the port, only programs of the same machine (loopback), or nobody.',
  })

export const deploymentSchema = z
  .strictObject({
    cluster: nodeName.optional().meta({ description: 'Name of the cluster. Default firesteel.' }),
    recovery: recovery.optional(),
    masters: z.array(master).min(1).max(64).optional().meta({ description: 'The Masters.' }),
    workers: z
      .array(worker)
      .min(1)
      .max(100_000)
      .optional()
      .meta({ description: 'The Workers. One that knows the secret may join without being listed.' }),
    master: address.optional().meta({
      description: 'In a file that only has workers: the Masters to join, firesteel://a:7070,b:7070.',
    }),
    security: security.optional(),
    scheduling: scheduling.optional(),
    submissions: z
      .array(submission)
      .max(10_000)
      .optional()
      .meta({ description: 'Drivers that `up` submits once the cluster is ready, each once per content.' }),
    logging: logging.optional(),
    tracing: tracing.optional(),
    code: code.optional(),
    monitoring: monitoring.optional(),
  })
  .meta({ title: 'Firesteel deployment file' })

/** A deployment file as written. Optional keys stay undefined. */
export type DeploymentFile = z.infer<typeof deploymentSchema>
