import fc from 'fast-check'

/** To the environment, as it stands in a file. */
export const reference = (name: string, otherwise = ''): string => `\${${name}${otherwise}}`

const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019'), minLength: 1, maxLength: 8 })
const anyText = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((text) => !text.includes(reference('').slice(0, 2)))
export const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const memory = fc
  .tuple(fc.integer({ min: 1, max: 4096 }), fc.constantFrom('k', 'm', 'g', 't', 'M', 'gb', 'mib'))
  .map(([amount, unit]) => `${amount}${unit}`)
const resources = fc.dictionary(
  fc.constantFrom('gpu', 'fpga', 'constructor', 'a.b-c'),
  fc.uniqueArray(word, { minLength: 1, maxLength: 3 }),
  { maxKeys: 2 },
)
const path = fc.constantFrom('./x', '../up/x.js', '/abs/x', 'x y', 'ü')
const redisUrl = fc.constantFrom(
  ...[
    'redis://a',
    'redis://u:p%40w@10.0.0.1:6380/3',
    'rediss://a/0?ca=./ca.pem&servername=x',
    'redis://[::1]:6379',
  ],
)

const recovery = fc.oneof(
  fc.constant(undefined),
  fc.constant({ mode: 'NONE' }),
  fc.record({ mode: fc.constant('FILESYSTEM'), directory: optional(path) }),
  fc.record({ mode: fc.constant('CUSTOM'), module: path, directory: optional(path) }),
  fc.record({
    mode: fc.constant('REDIS'),
    redis: redisUrl,
    election: optional(fc.constantFrom(['redis://x'], ['redis://x', 'redis://y', 'rediss://z?ca=c.pem'])),
    replicas: optional(fc.integer({ min: 0, max: 100 })),
  }),
  fc.record({
    mode: fc.constant('REDIS'),
    sentinel: fc.record({
      name: word,
      hosts: fc.constantFrom(['a:26379'], ['a:1', '[::1]:65535', 'b.c:26379']),
      username: optional(word),
      password: optional(anyText.filter((text) => text !== '')),
      db: optional(fc.integer({ min: 0, max: 999_999 })),
      tls: optional(fc.record({ ca: optional(path), servername: optional(word) })),
      sentinelPassword: optional(word),
    }),
  }),
)

const master = fc.record({
  rest: optional(fc.constant(0)),
  advertise: optional(fc.constantFrom('m.example', '10.0.0.8')),
})
const worker = fc.record({
  cores: optional(fc.integer({ min: 1, max: 8192 })),
  memory: optional(memory),
  resources: optional(resources),
  labels: optional(fc.dictionary(fc.constantFrom('zone', 'rack', 'toString'), anyText, { maxKeys: 2 })),
  port: optional(fc.constant(0)),
  advertise: optional(fc.constantFrom('w.example', '10.0.0.9')),
  web: optional(fc.constantFrom(0, false as const)),
  noNewPrivileges: optional(fc.boolean()),
  codeRoots: optional(fc.constantFrom([], ['./jobs'], ['/opt/jobs', '../x'])),
  allowEnv: optional(fc.constantFrom([], ['LANG', 'APP_*'])),
  cgroup: optional(fc.constantFrom(false as const, '/sys/fs/cgroup/firesteel')),
  runAs: optional(fc.constantFrom('nobody', '1000')),
})
const submission = fc.record({
  main: path,
  args: optional(fc.array(anyText, { maxLength: 3 })),
  cores: optional(fc.integer({ min: 1, max: 8192 })),
  memory: optional(memory),
  resources: optional(
    fc.dictionary(fc.constantFrom('gpu', 'constructor'), fc.integer({ min: 1, max: 9 }), { maxKeys: 2 }),
  ),
  env: optional(fc.dictionary(fc.constantFrom('A', '_b', 'constructor'), anyText, { maxKeys: 2 })),
  supervise: optional(fc.boolean()),
  onIsolation: optional(fc.constantFrom('run', 'stop')),
})
const times = fc
  .tuple(fc.integer({ min: 1000, max: 30_000 }), fc.integer({ min: 0, max: 100_000 }), fc.boolean())
  .map(([lease, more, said]) => (said ? { lease, workerTimeout: 4 * lease + more } : {}))

/** Without its undefined, as a file is. */
const filled = (value: object): Record<string, unknown> =>
  JSON.parse(JSON.stringify(value)) as Record<string, unknown>

/** A deployment file that is valid, as a value: what may be left out is there or not. */
export const validFile = fc
  .record({
    recovery,
    masters: fc.array(master, { minLength: 1, maxLength: 3 }),
    workers: fc.array(worker, { maxLength: 4 }),
    joins: fc.boolean(),
    named: fc.boolean(),
    fixedPorts: fc.boolean(),
    host: fc.constantFrom(undefined, '127.0.0.1', 'localhost', '10.0.0.7'),
    times,
    submissions: fc.array(submission, { maxLength: 2 }),
    security: fc.constantFrom(undefined, { secret: reference('FIRESTEEL_SECRET') }, { file: './secret' }),
    scheduling: fc.record({
      spreadOut: optional(fc.boolean()),
      defaultCores: optional(fc.integer({ min: 1, max: 1e9 })),
      orphanGrace: optional(fc.constantFrom('0s', '250ms', '1.5m')),
      relaunchOnRefused: optional(fc.boolean()),
      maxExecutorRetries: optional(fc.integer({ min: -1, max: 1_000_000 })),
    }),
    logging: optional(
      fc.record({
        level: optional(fc.constantFrom('error', 'debug')),
        format: optional(fc.constantFrom('json', 'text')),
      }),
    ),
    monitoring: fc.record({
      metrics: optional(fc.constantFrom('everyone', 'loopback', 'nobody')),
      probes: optional(fc.constantFrom('everyone', 'loopback', 'nobody')),
      pages: optional(fc.constantFrom('loopback', 'nobody')),
    }),
    ring: optional(fc.integer({ min: 0, max: 10_000_000 })),
    otlp: optional(fc.constantFrom('http://h:4318', 'https://h/x?y')),
    record: optional(
      fc.record({
        directory: fc.constantFrom('recordings', '/var/lib/firesteel'),
        maxBytes: optional(fc.constantFrom('1m', '2g')),
      }),
    ),
  })
  .map((parts) => {
    const { named, fixedPorts, host, joins } = parts
    const mode = (parts.recovery as { mode?: string } | undefined)?.mode
    const several = mode === 'REDIS' || mode === 'CUSTOM'
    const nodes = parts.workers.map((one, index) => ({
      ...one,
      host,
      ...(named && { name: `W-${index}.x` }),
      ...(fixedPorts ? { web: 9000 + index, port: 9100 + index } : (index > 0 || named) && { web: 0 }),
    }))
    const masters = (several ? parts.masters : parts.masters.slice(0, 1)).map((one, index) => ({
      ...one,
      host,
      // Of several all or none: the others could not reach who is on loopback.
      advertise: parts.masters[0]?.advertise,
      ...(named && { name: `M_${index}` }),
      ...(fixedPorts || index > 0 ? { port: 7000 + index, web: 0 } : {}),
    }))
    const { lease, workerTimeout } = parts.times as { lease?: number; workerTimeout?: number }
    const workersOnly = joins && nodes.length > 0
    return filled({
      ...(!workersOnly && {
        masters,
        submissions: parts.submissions.map((one, n) => ({ name: `s${n}`, ...one })),
      }),
      ...(workersOnly && { master: 'firesteel://a:7070,[::1]' }),
      ...(nodes.length > 0 && { workers: nodes }),
      recovery: { ...parts.recovery, ...(lease !== undefined && { lease: `${lease}ms` }) },
      scheduling: {
        ...parts.scheduling,
        ...(workerTimeout !== undefined && { workerTimeout: `${workerTimeout}ms` }),
      },
      security: parts.security,
      logging: parts.logging,
      tracing: { ring: parts.ring, otlp: parts.otlp, record: parts.record },
      monitoring: parts.monitoring,
    })
  })
