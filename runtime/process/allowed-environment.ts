/** Variables by which others load code into a program, or put another program in the place of one. */
const LOADING =
  /^(NODE_.*|LD_.*|DYLD_.*|PATH|BASH_ENV|ENV|PYTHON.*|PERL5.*|RUBY.*|JAVA_TOOL_OPTIONS|GCONV_PATH|FIRESTEEL_ESBUILD)$/

export interface AllowedEnvironment {
  /** Names, or beginnings of names that end with `*`. Null: all but those that load code. */
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
  return Object.keys(variables).find((name) =>
    names === null ? hasCodeRoots && LOADING.test(name) : !names.some((pattern) => fits(name, pattern)),
  )
}
