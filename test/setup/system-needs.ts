/*
 * What the tests need that npm does not bring, and what is to be done about it. Pure: install.ts looks and
 * acts.
 */

export interface SystemNeed {
  readonly name: string
  /** All of these must be on PATH. */
  readonly commands: readonly string[]
  /** Packages of Debian and its kin that bring them. */
  readonly packages: readonly string[]
  /** What to install elsewhere. */
  readonly elsewhere: string
}

export const systemNeeds: readonly SystemNeed[] = [
  {
    name: 'Redis 7.0 or later',
    commands: ['redis-server'],
    packages: ['redis-server'],
    elsewhere: 'Redis 7.0 or later (redis-server on PATH)',
  },
  {
    name: 'GNU parallel',
    commands: ['parallel'],
    packages: ['parallel'],
    elsewhere: 'GNU parallel (parallel on PATH; not that of moreutils)',
  },
  {
    name: 'OpenSSL',
    commands: ['openssl'],
    packages: ['openssl'],
    elsewhere: 'OpenSSL (openssl on PATH)',
  },
  {
    name: 'Chromium',
    commands: ['chromium'],
    packages: ['chromium'],
    elsewhere: 'Chromium (chromium on PATH)',
  },
]

export interface Machine {
  has(command: string): boolean
  readonly isRoot: boolean
}

export type SetupPlan =
  | { readonly kind: 'ready' }
  | { readonly kind: 'install'; readonly names: readonly string[]; readonly commands: readonly string[][] }
  | { readonly kind: 'tell'; readonly text: string }

export function planSetup(needs: readonly SystemNeed[], machine: Machine): SetupPlan {
  const missing = needs.filter(({ commands }) => !commands.every((command) => machine.has(command)))
  if (missing.length === 0) return { kind: 'ready' }
  const names = missing.map(({ name }) => name)
  const packages = [...new Set(missing.flatMap((need) => need.packages))]
  const commands = [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-y', '--no-install-recommends', ...packages],
  ]
  if (machine.has('apt-get') && machine.isRoot) return { kind: 'install', names, commands }
  const how = machine.has('apt-get')
    ? `As root:\n${commands.map((command) => `  ${command.join(' ')}`).join('\n')}`
    : `Install ${missing.map(({ elsewhere }) => elsewhere).join(' and ')}.`
  return { kind: 'tell', text: `The tests need ${names.join(' and ')}. ${how}` }
}

/** Undefined: good enough. `text` is what `redis-server --version` prints. */
export function redisTooOld(text: string): string | undefined {
  const version = /\bv=(\d+)\.(\d+)\S*/.exec(text)
  if (version !== null && Number(version[1]) >= 7) return undefined
  const found = version === null ? 'of an unknown version' : version[0].slice(2)
  return `The tests need Redis 7.0 or later; the redis-server on PATH is ${found}.`
}
