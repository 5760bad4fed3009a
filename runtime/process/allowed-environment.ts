/**
 * What may be brought to a Worker that runs only code of some folders, as SSH servers take it: languages, the
 * time zone, colours. Every other variable may load code into some program (`OPENSSL_CONF` into Node, `PS4`
 * into bash), and nobody knows them all, so there is no list of those.
 */
const HARMLESS = ['LANG', 'LC_*', 'TZ', 'NO_COLOR', 'FORCE_COLOR'] as const

export interface AllowedEnvironment {
  /** Names, or beginnings of names that end with `*`. Null: all, or with code roots the harmless ones. */
  readonly names: readonly string[] | null
  /** Only code of some folders may run. */
  readonly hasCodeRoots: boolean
}

const fits = (name: string, pattern: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern

/** The first of these variables that a Worker does not pass on; undefined: it passes on all. */
export function refusedVariable(
  variables: Readonly<Record<string, string>>,
  { names, hasCodeRoots }: AllowedEnvironment,
): string | undefined {
  const allowed = names ?? (hasCodeRoots ? HARMLESS : undefined)
  return allowed && Object.keys(variables).find((name) => !allowed.some((pattern) => fits(name, pattern)))
}
