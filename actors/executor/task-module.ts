import { access, realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { refuseCommand, requireInRoots } from '../../runtime/code/allowed-roots.js'
import { FiresteelError, reasonOf, seen } from '../../runtime/errors.js'
import {
  compileTypeScript,
  findEsbuild,
  isTypeScript,
  stripsTypes,
} from '../../runtime/type-script/type-script.js'
import { exportOf, isModule, type TaskFunction } from './module-export.js'

/** The builtin task behind commands of `each`. It is no file, so nothing else can be put in its place. */
export const COMMAND_URL = 'firesteel:command'

export type { TaskFunction }

/**
 * Loads the export `name` of the module at `url`. Rejects with TASK_MODULE_NOT_FOUND, TASK_MODULE_TYPESCRIPT,
 * TASK_MODULE_FAILED, TASK_NOT_A_FUNCTION or CODE_NOT_ALLOWED, naming host and path. With `roots` only
 * modules there are loaded.
 */
export async function loadTaskFunction(
  url: string,
  name: string,
  host: string,
  roots?: readonly string[],
): Promise<TaskFunction> {
  const { module } = await loadModule(url, host, roots)
  const found = exportOf(module, name, await isCommonJs(url, module))
  if ('call' in found) return found.call
  const place = placeOf(url, host)
  throw new FiresteelError('TASK_NOT_A_FUNCTION', `The export ${name} of ${place} ${found.problem}.`, {
    place,
  })
}

/**
 * The module is inside an object, because a promise of a module that exports `then` would follow that
 * function.
 */
interface Loaded {
  readonly module: Readonly<Record<string, unknown>>
}

async function loadModule(url: string, host: string, roots?: readonly string[]): Promise<Loaded> {
  if (url === COMMAND_URL) {
    if (roots) refuseCommand(roots, host)
    return { module: { ...(await import('./command.js')) } }
  }
  const path = await existingPath(url, host)
  if (roots) await requireInRoots(path, roots, host)
  const place = placeOf(url, host)
  if (isTypeScript(path) && !stripsTypes) {
    const esbuild = findEsbuild(path)
    if (esbuild === undefined) {
      const text = `${place} is TypeScript, Node ${process.version} there does not strip types, and esbuild is not installed there.`
      throw new FiresteelError('TASK_MODULE_TYPESCRIPT', text, { place })
    }
    compileTypeScript(esbuild)
  }
  try {
    return await importModule(url)
  } catch (cause) {
    const message = `${place} could not be loaded: ${reasonOf(cause)}${lineOf(cause)}`
    // Node shows the line of a syntax error only when it runs the file as a program.
    const help = isSyntaxError(cause) ? `Run node ${path} there: it shows the line.` : undefined
    throw new FiresteelError('TASK_MODULE_FAILED', message, { place, cause, ...(help && { help }) })
  }
}

async function importModule(url: string): Promise<Loaded> {
  const module: unknown = await import(url)
  if (isModule(module)) return { module }
  // The module exports a function named `then`, so import() took it for a promise. Inside another module it
  // is safe.
  const text = `import * as module from ${JSON.stringify(url)}; export { module }`
  return (await import(`data:text/javascript,${encodeURIComponent(text)}`)) as Loaded
}

const { cache } = createRequire(import.meta.url)

/** Node keeps what a CommonJS module exports, by its path. An ES module may have the same exports. */
async function isCommonJs(url: string, module: Readonly<Record<string, unknown>>): Promise<boolean> {
  const path = pathOf(url)
  if (path === undefined) return false
  const known = cache[path] ?? cache[await realpath(path).catch(() => path)]
  return known !== undefined && known.exports === module.default
}

/** The error of a module that ended its thread while it was loading: by process.exit, or as `thrown` says. */
export function endedWhileLoading(url: string, host: string, thrown?: unknown): FiresteelError {
  const place = placeOf(url, host)
  const how = thrown === undefined ? 'process.exit was called' : reasonOf(thrown)
  return new FiresteelError(
    'TASK_MODULE_FAILED',
    `${place} could not be loaded: ${how}, which ended its thread`,
    {
      place,
      ...(thrown !== undefined && { cause: thrown }),
      help: 'Look at the top level of the module, and of those that it imports.',
    },
  )
}

/** The place of a syntax error in CommonJS. Its message has none, but the first line of its stack does. */
function lineOf(cause: unknown): string {
  if (!isSyntaxError(cause)) return ''
  const stack = seen(() => String(cause.stack), '')
  const place = /^(?:file:\/\/)?(\/[^\n]*:\d+)\n/.exec(stack)?.[1]
  return place === undefined ? '' : ` (${place})`
}

const isSyntaxError = (thrown: unknown): thrown is SyntaxError =>
  seen(() => thrown instanceof SyntaxError, false)

/**
 * Checks before the import, because Node would remember the failure and not say which of many files was
 * missing.
 */
async function existingPath(url: string, host: string): Promise<string> {
  const place = placeOf(url, host)
  const path = pathOf(url)
  if (path === undefined) {
    throw new FiresteelError('TASK_MODULE_NOT_FOUND', `${place} is not the URL of a file.`, {
      place,
      help: 'Name the module as new URL("./tasks.js", import.meta.url).',
    })
  }
  if (await exists(path)) return path
  const source = path.replace(/\.([mc]?)js$/, '.$1ts')
  if (source !== path && (await exists(source))) {
    const runs = stripsTypes || findEsbuild(source) !== undefined
    const help = runs ? `Name ${source} itself.` : undefined
    throw new FiresteelError(
      'TASK_MODULE_TYPESCRIPT',
      `The task module ${place} does not exist; only ${source} is beside it.`,
      { place, ...(help && { help }) },
    )
  }
  throw new FiresteelError('TASK_MODULE_NOT_FOUND', `The task module ${path} does not exist on ${host}.`, {
    place,
  })
}

const placeOf = (url: string, host: string): string => `${host}:${pathOf(url) ?? url}`

function pathOf(url: string): string | undefined {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
