import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { FiresteelError, reasonOf } from '../../../errors.js'
import type { Environment } from '../../config/substitute.js'
import { InvalidArgumentError } from '../commander.js'
import type { Console } from '../console.js'

/* `--env K=V`, `--env NAME` and `--env-file`: what a program gets in its environment. */

/** Variables by name. Null: the value that it has in the caller's environment. */
export type GivenVariables = Readonly<Record<string, string | null>>

export interface EnvironmentOptions {
  readonly env?: GivenVariables
  readonly envFile?: readonly string[]
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Repeatable `K=V` or `NAME`. */
export function collectVariable(text: string, before: GivenVariables = {}): GivenVariables {
  const at = text.indexOf('=')
  const name = at < 0 ? text : text.slice(0, at)
  if (!NAME.test(name))
    throw new InvalidArgumentError('It must be NAME=VALUE, or NAME of a variable of yours.')
  return { ...before, [name]: at < 0 ? null : text.slice(at + 1) }
}

/**
 * The variables of a file, pure: a line each, `#` begins a comment line, quotes around a value are removed.
 */
export function parseEnvironmentFile(text: string, file: string): GivenVariables {
  const found = new Map<string, string | null>()
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim().replace(/^export\s+/, '')
    if (line === '' || line.startsWith('#')) continue
    const at = line.indexOf('=')
    const name = (at < 0 ? line : line.slice(0, at)).trimEnd()
    const place = `${file}:${index + 1}`
    if (!NAME.test(name)) {
      const message = `${place} must be NAME=VALUE, or NAME of a variable of yours.`
      throw new FiresteelError('USAGE', message, { place, help: 'Correct this line.' })
    }
    found.set(name, at < 0 ? null : unquoted(line.slice(at + 1).trim()))
  }
  return Object.fromEntries(found)
}

const unquoted = (text: string): string => /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text

function valued(given: GivenVariables, environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const found = value ?? (Object.hasOwn(environment, name) ? environment[name] : undefined)
      if (found !== undefined) return [name, found]
      throw new FiresteelError('USAGE', `--env ${name}: this variable is not set here.`, {
        place: '--env',
        help: `Write --env ${name}=VALUE, or set it before.`,
      })
    }),
  )
}

async function readVariables(file: string, cwd: string): Promise<GivenVariables> {
  const path = resolve(cwd, file)
  try {
    return parseEnvironmentFile(await readFile(path, 'utf8'), file)
  } catch (cause) {
    if (cause instanceof FiresteelError) throw cause
    throw new FiresteelError('PATH_NOT_FOUND', `--env-file ${file} cannot be read: ${reasonOf(cause)}.`, {
      place: path,
      cause,
    })
  }
}

/** The variables of all files, then those of the command line. Throws USAGE, PATH_NOT_FOUND. */
export async function givenEnvironment(
  { cwd, environment }: Pick<Console, 'cwd' | 'environment'>,
  { env = {}, envFile = [] }: EnvironmentOptions,
): Promise<Record<string, string>> {
  const files: GivenVariables[] = []
  for (const file of envFile) files.push(await readVariables(file, cwd))
  return valued(Object.assign({}, ...files, env), environment)
}
