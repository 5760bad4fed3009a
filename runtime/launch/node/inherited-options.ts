/**
 * Options of Node that hold for the nodes of a launcher too: the size of the heap, and where SIGUSR1 opens
 * the debugger.
 */
const INHERITED = [/^--max[-_]old[-_]space[-_]size=\d+$/, /^--inspect[-_]port=\S+$/]

/**
 * Of each option that nodes inherit the last one, as Node itself reads them; the command line comes after the
 * environment.
 */
export function inheritedOptions(execArgv: readonly string[], nodeOptions = ''): string[] {
  const all = [...nodeOptions.split(/\s+/), ...execArgv]
  return INHERITED.flatMap((pattern) => all.filter((option) => pattern.test(option)).slice(-1))
}
