import { realpath } from 'node:fs/promises'
import { FiresteelError } from '../errors.js'
import { pathIn } from './path-in.js'

/** Options of Node that load no code, open no port and evaluate nothing. */
const HARMLESS =
  /^--(max-(old-space|semi-space|heap)-size|stack-size|stack-trace-limit|enable-source-maps|expose-gc|(no-)?warnings|disable-warning|trace-(warnings|uncaught|deprecation|exit)|(no-)?deprecation|unhandled-rejections|dns-result-order)(=|$)/

/** The first option that could run code from anywhere; undefined: none. */
export const loadingOption = (options: readonly string[]): string | undefined =>
  options.find((option) => !HARMLESS.test(option))

const notAllowed = (what: string, host: string, roots: readonly string[], place: string): FiresteelError => {
  const where = roots.length === 0 ? 'no code at all' : `only code in ${roots.join(', ')}`
  return new FiresteelError('CODE_NOT_ALLOWED', `${what} is refused on ${host}, which runs ${where}`, {
    place,
  })
}

/** Throws CODE_NOT_ALLOWED unless the file, wherever links lead, is in one of these folders. */
export async function requireInRoots(path: string, roots: readonly string[], host: string): Promise<void> {
  const real = await realpath(path)
  for (const root of roots) {
    // A folder that is missing has no code.
    const folder = await realpath(root).catch(() => undefined)
    if (folder !== undefined && pathIn({ root: folder, folder }, real) !== undefined) return
  }
  throw notAllowed(path, host, roots, path)
}

/** Throws CODE_NOT_ALLOWED for an option of Node by which code comes from elsewhere. */
export function requireHarmless(options: readonly string[], roots: readonly string[], host: string): void {
  const option = loadingOption(options)
  if (option !== undefined) throw notAllowed(`the option ${option} of Node.js`, host, roots, option)
}

/** Throws CODE_NOT_ALLOWED: a command line may run any program. */
export function refuseCommand(roots: readonly string[], host: string): never {
  throw notAllowed('a command line', host, roots, host)
}
