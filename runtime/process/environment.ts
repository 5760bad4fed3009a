/** The only variables that a child inherits. HOME is where the user's tools look for their settings. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'] as const

/** Never passed on, even where they are asked for. */
const SECRETS: ReadonlySet<string> = new Set(['FIRESTEEL_SECRET', 'FIRESTEEL_TOKEN'])

export interface EnvironmentOptions {
  /**
   * Folder for compiled code of our own Node children; Node 20 ignores it. Other users must not be able to
   * write there.
   */
  readonly compileCacheDirectory?: string
}

/**
 * The environment of a child: our PATH, HOME, LANG, TZ, TMPDIR and `extra`, nothing else. So NODE_OPTIONS,
 * NODE_EXTRA_CA_CERTS (28 ms of every start) and our credentials are not passed on. The cluster's secret
 * and a token are removed from `extra` as well.
 */
export function childEnvironment(
  extra: Readonly<Record<string, string | undefined>> = {},
  options: EnvironmentOptions = {},
  own: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of INHERITED) {
    const value = own[name]
    if (value !== undefined) environment[name] = value
  }
  if (options.compileCacheDirectory !== undefined) {
    environment.NODE_COMPILE_CACHE = options.compileCacheDirectory
  }
  for (const [name, value] of Object.entries(extra)) {
    if (value !== undefined && !SECRETS.has(name)) environment[name] = value
  }
  return environment
}
